// What the CPU hands over once a scene, a body and a view; layouts in `simkit/render/gl/blocks.py`.

layout(std140) uniform BodyBlock {
    mat4 world_from_model;  // scale included
    mat4 world_from_normal; // inverse transpose of it, rotation and scale only
    vec4 scale;             // xyz: factors along the model's axes
    vec4 surface;           // linear RGB base colour, roughness
    vec4 tiling;            // size of the texture's tile, of the normal map's [m], metallic
    ivec4 ids;              // instance id; code of all faces' axis, if it is one (see `surface.frag`)
} body;

struct View {
    mat4 camera_from_world;
    mat4 clip_from_camera;
    vec4 tile; // scale and offset of clip space: where in the target the view lies
    vec4 eye;  // position in the world
    vec4 origin; // xy: the view's first pixel in the target
};

layout(std140) uniform ViewBlock { View views[MAX_VIEWS]; };

struct Light {
    vec4 position;  // w: kind
    vec4 direction; // along which it shines; w: radius
    vec4 radiance;  // irradiance at 1 m (area: radiance emitted); w: cone
    vec4 right;     // area: half its width along its first axis
    vec4 up;
    ivec4 shadow;   // first map, number of maps (0: no shadow)
};

struct ShadowMap {
    mat4 texel_from_world; // (texel x, texel y, depth in [0, 1]) times w
    mat4 plane;            // its inverse transpose
    vec4 tile;             // texels that belong to the map: x0, y0, x1, y1
    vec4 range;            // near, far (distances along its axis), metres a texel (at distance 1), ortho
    vec4 right;            // axes of the map in the world; w: width of its rim [texels]
    vec4 up;
};

layout(std140) uniform LightBlock {
    ivec4 counts; // lights
    vec4 ambient;
    vec4 bounce; // radiance of the bodies around, where they hide the environment
    vec4 irradiance[9]; // of the environment, spherical harmonics
    Light lights[MAX_LIGHTS];
    ShadowMap maps[MAX_MAPS];
};
