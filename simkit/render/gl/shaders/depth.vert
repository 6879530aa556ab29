in vec3 in_position;
uniform mat4 clip_from_world;
void main() { gl_Position = clip_from_world * (body.world_from_model * vec4(in_position, 1.0)); }
