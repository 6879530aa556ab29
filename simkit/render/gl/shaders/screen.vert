// A triangle that covers the target, at a depth that is the far end of what is drawn.
uniform float farthest;
void main() {
    vec2 corner = vec2((gl_VertexID << 1) & 2, gl_VertexID & 2);
    gl_Position = vec4(corner * 2.0 - 1.0, farthest, 1.0);
}
