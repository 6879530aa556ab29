// Where no body is: labels of nothing, and the backdrop, the environment or a plain colour.
uniform vec3 background;
uniform float sample_weight;
uniform vec2 pixel_shift; // of the sample from the pixel's centre [px]
uniform mat3 world_from_pixel;
OUTPUTS
#if defined(COLOR) && defined(ENVIRONMENT)
uniform sampler2D environment_image;
#endif
#if defined(COLOR) && defined(BACKDROP)
uniform sampler2D backdrop; // of the view's size
#endif

void main() {
#ifdef LABEL_DEPTH
    depth_out = 0.0;
#endif
#ifdef LABEL_INSTANCE
    instance_out = 0u;
#endif
#ifdef LABEL_NORMAL
    normal_out = vec4(0.0);
#endif
#ifdef LABEL_FLAT_NORMAL
    flat_normal_out = vec4(0.0);
#endif
#ifdef LABEL_COORDS
    coords_out = vec4(0.0);
#endif
#ifdef LABEL_TRIANGLE
    triangle_out = -1;
#endif
#ifdef COLOR
#if defined(BACKDROP)
    vec3 color = texture(backdrop, (gl_FragCoord.xy + pixel_shift) / vec2(textureSize(backdrop, 0))).rgb;
#elif defined(ENVIRONMENT)
    vec3 d = world_from_pixel * vec3(gl_FragCoord.xy - 0.5 + pixel_shift, 1.0);
    vec2 uv = vec2(0.5 - atan(d.y, d.x) / 6.28318530717958, atan(length(d.xy), d.z) / 3.14159265358979);
    vec3 color = textureLod(environment_image, uv, 0.0).rgb;
#else
    vec3 color = background;
#endif
    color_out = vec4(color, sample_weight);
#endif
}
