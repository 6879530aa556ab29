// What the CPU hands over once a scene, a body and a view; layouts in `simkit/render/gl/blocks.py`.

layout(std140) uniform BodyBlock {
    mat4 world_from_model;  // scale included
    mat4 world_from_normal; // inverse transpose of it, rotation and scale only
    vec4 scale;             // xyz: factors along the model's axes
    vec4 surface;           // linear RGB base colour, roughness
    vec4 tiling;            // size of the texture's tile, of the normal map's [m], metallic
    ivec4 ids;              // instance id
} body;

struct View {
    mat4 camera_from_world;
    mat4 clip_from_camera;
    vec4 tile; // scale and offset of clip space: where in the target the view lies
    vec4 eye;  // position in the world
    vec4 origin; // xy: the view's first pixel in the target
};

layout(std140) uniform ViewBlock { View views[MAX_VIEWS]; };
