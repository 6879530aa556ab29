// Bars all pixels but those at edges from being drawn again: it writes the nearest depth there.
// An edge is a change of id, or a bend of 1/z, which is straight along a plane.
uniform usampler2D instances;
uniform sampler2D depths;
uniform ivec2 tile_size; // of a view [px]

const float BEND = 0.004; // of 1/z, relative

void main() {
    ivec2 p = ivec2(gl_FragCoord.xy), start = p / tile_size * tile_size, last = start + tile_size - 1;
    uint id = texelFetch(instances, p, 0).r;
    float z = texelFetch(depths, p, 0).r, inverse = z > 0.0 ? 1.0 / z : 0.0;
    bool edge = false;
    for (int axis = 0; axis < 2; ++axis) {
        ivec2 step = axis == 0 ? ivec2(1, 0) : ivec2(0, 1);
        ivec2 before = max(p - step, start), after = min(p + step, last);
        edge = edge || texelFetch(instances, before, 0).r != id || texelFetch(instances, after, 0).r != id;
        if (before != p && after != p) {
            float a = texelFetch(depths, before, 0).r, b = texelFetch(depths, after, 0).r;
            float bend = (a > 0.0 ? 1.0 / a : 0.0) + (b > 0.0 ? 1.0 / b : 0.0) - 2.0 * inverse;
            edge = edge || abs(bend) > BEND * inverse;
        }
    }
    if (edge) discard;
    gl_FragDepth = 0.0;
}
