// One surface point: its labels as they are, its colour by `shade`.

in vec3 model_position;
in vec3 world_position;
in vec3 world_normal;
in float z_depth;
flat in vec3 eye;
#ifdef LABEL_NORMAL
flat in mat3 camera_from_world;
#endif
#ifdef OWN_TEXTURE
in vec2 uv;
#endif
#ifdef VERTEX_COLORS
in vec3 vertex_color;
#endif

#if defined(OWN_TEXTURE) || defined(BOX_TEXTURE)
uniform sampler2D base_texture;
#endif
#ifdef NORMAL_MAP
uniform sampler2D normal_map;
#endif
#if defined(BOX_TEXTURE) || defined(NORMAL_MAP)
uniform usampler2D face_axes; // per face: 2 * nearest axis + (faces its positive side)
#endif
uniform float sample_weight; // of this sample in the running mean

OUTPUTS

#if defined(BOX_TEXTURE) || defined(NORMAL_MAP)
// As `simkit.assets.mapping.box_mapped`: rows are the axes that become u and v.
mat2x3 box_axes() {
#ifdef ONE_AXIS
    uint code = uint(body.ids.y);
#else
    uint code = texelFetch(face_axes, ivec2(gl_PrimitiveID & 1023, gl_PrimitiveID >> 10), 0).r;
#endif
    uint axis = code >> 1u;
    float side = ((code & 1u) == 1u) == (axis != 1u) ? 1.0 : -1.0;
    vec3 u = axis == 0u ? vec3(0.0, side, 0.0) : vec3(side, 0.0, 0.0);
    vec3 v = axis == 2u ? vec3(0.0, 1.0, 0.0) : vec3(0.0, 0.0, 1.0);
    return mat2x3(u, v);
}

vec2 box_uv(mat2x3 axes, float size) {
    vec2 place = (model_position * body.scale.xyz) * axes / size;
    return vec2(place.x, 1.0 - place.y);
}
#endif

#ifdef ANISOTROPIC
#define TEXEL texture
#else
// The mip level at which a pixel's footprint has the area of a texel.
vec4 TEXEL(sampler2D image, vec2 place) {
    vec2 texels = place * vec2(textureSize(image, 0));
    vec2 x = dFdx(texels), y = dFdy(texels);
    return textureLod(image, place, 0.5 * log2(abs(x.x * y.y - x.y * y.x) + 1e-12));
}
#endif

void main() {
    vec3 towards_eye = eye - world_position;
    vec3 flat_normal = cross(dFdx(world_position), dFdy(world_position));
    flat_normal *= dot(flat_normal, towards_eye) < 0.0 ? -1.0 : 1.0;
    float size = length(flat_normal);
    vec3 normal = normalize(world_normal);
    flat_normal = size > 0.0 ? flat_normal / size : normal;
    normal *= dot(normal, flat_normal) < 0.0 ? -1.0 : 1.0;
    // An interpolated normal that looks away is bent until it is at right angles to the ray.
    vec3 view = normalize(towards_eye);
    normal = normalize(normal - min(dot(normal, view), 0.0) * view);

#ifdef LABEL_DEPTH
    depth_out = z_depth;
#endif
#ifdef LABEL_INSTANCE
    instance_out = uint(body.ids.x);
#endif
#ifdef LABEL_NORMAL
    normal_out = vec4(normalize(camera_from_world * (normal)), 0.0);
#endif
#ifdef LABEL_FLAT_NORMAL
    flat_normal_out = vec4(flat_normal, 0.0);
#endif
#ifdef LABEL_COORDS
    coords_out = vec4(model_position, 0.0);
#endif
#ifdef LABEL_TRIANGLE
    triangle_out = gl_PrimitiveID;
#endif

#ifdef COLOR
    vec3 base = body.surface.rgb;
#if defined(BOX_TEXTURE) || defined(NORMAL_MAP)
    mat2x3 axes = box_axes();
#endif
#ifdef OWN_TEXTURE
    base *= TEXEL(base_texture, uv).rgb;
#endif
#ifdef BOX_TEXTURE
    base *= TEXEL(base_texture, box_uv(axes, body.tiling.x)).rgb;
#endif
#ifdef VERTEX_COLORS
    base *= vertex_color;
#endif
#ifdef NORMAL_MAP
    vec3 bump = TEXEL(normal_map, box_uv(axes, body.tiling.y)).xyz * 2.0 - 1.0;
    mat3 turn = mat3(body.world_from_model);
    vec3 along_u = turn * (axes[0] / body.scale.xyz);
    along_u = normalize(along_u - normal * dot(normal, along_u));
    vec3 along_v = turn * (axes[1] / body.scale.xyz);
    along_v = normalize(along_v - normal * dot(normal, along_v));
    vec3 bent = normalize(bump.x * along_u + bump.y * along_v + bump.z * normal);
    normal = dot(bent, view) > 0.0 ? bent : normal;
#endif
    Surface surface = Surface(
        world_position, normal, flat_normal, view,
        base, max(body.surface.w, MIN_ROUGHNESS), body.tiling.z);
    color_out = vec4(shade(surface), sample_weight);
#endif
}
