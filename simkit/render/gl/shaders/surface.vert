in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec3 in_color; // linear RGB

uniform int first_view;
uniform vec2 shift; // of the sample from the pixel's centre, in clip space
uniform vec2 slice; // of the depth range: scale, offset

out vec3 model_position;
out vec3 world_position;
out vec3 world_normal;
out float z_depth;
flat out vec3 eye;
#ifdef SUN_MAP
out vec3 sun_texel;
#endif
#ifdef SOFT
flat out vec2 first_pixel;
#endif
#ifdef LABEL_NORMAL
flat out mat3 camera_from_world;
#endif
#ifdef OWN_TEXTURE
out vec2 uv;
#endif
#ifdef VERTEX_COLORS
out vec3 vertex_color;
#endif

void main() {
    View view = views[first_view + gl_InstanceID];
    vec4 world = body.world_from_model * vec4(in_position, 1.0);
    vec4 camera = view.camera_from_world * world;
    vec4 clip = view.clip_from_camera * camera;
    clip.xy += shift * clip.w;
#ifdef ATLAS
    gl_ClipDistance[0] = clip.w + clip.x;
    gl_ClipDistance[1] = clip.w - clip.x;
    gl_ClipDistance[2] = clip.w + clip.y;
    gl_ClipDistance[3] = clip.w - clip.y;
    clip.xy = clip.xy * view.tile.xy + clip.w * view.tile.zw;
#endif
    gl_ClipDistance[4] = clip.z + clip.w; // the near plane, which a slice does not have
    clip.z = clip.z * slice.x + clip.w * slice.y;
    gl_Position = clip;
    model_position = in_position;
    world_position = world.xyz;
    world_normal = normalize(mat3(body.world_from_normal) * in_normal);
    z_depth = camera.z;
    eye = view.eye.xyz;
#ifdef SUN_MAP
    sun_texel = (maps[SUN_MAP].texel_from_world * world).xyz;
#endif
#ifdef SOFT
    first_pixel = view.origin.xy;
#endif
#ifdef LABEL_NORMAL
    camera_from_world = mat3(view.camera_from_world);
#endif
#ifdef OWN_TEXTURE
    uv = vec2(in_uv.x, 1.0 - in_uv.y); // images have their first row on top
#endif
#ifdef VERTEX_COLORS
    vertex_color = in_color;
#endif
}
