// A triangle that covers the target, at the far end of the depth range.
out vec2 place;
void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    place = corner;
    gl_Position = vec4(corner * 2.0 - 1.0, 1.0, 1.0);
}
