// Mirrors `simkit.render.brdf` (glTF 2.0 metallic-roughness) and its split sum.

const float PI = 3.14159265358979;
const int DIRECTIONAL = 0, POINT = 1, SPOT = 2, AREA = 3;

struct Surface {
    vec3 position, normal, flat_normal, view, base;
    float roughness, metallic;
};

#ifdef SHADOWS
uniform sampler2D shadow_atlas;
#ifdef SOFT
flat in vec2 first_pixel;
#endif

float stored(ivec2 texel) { return texelFetch(shadow_atlas, texel, 0).r; }
#endif

#if defined(SHADOWS) || defined(OCCLUSION)
// Four texels from `base` on: its row, then the next one.
vec4 four(sampler2D image, ivec2 base) {
#ifdef GL_ARB_texture_gather
    return textureGather(image, vec2(base + 1) / vec2(textureSize(image, 0))).wzxy;
#else
    return vec4(texelFetch(image, base, 0).r, texelFetch(image, base + ivec2(1, 0), 0).r,
                texelFetch(image, base + ivec2(0, 1), 0).r, texelFetch(image, base + 1, 0).r);
#endif
}

// Share of the four nearest texels that are no nearer to the light than the receiver's plane.
float filtered(sampler2D image, vec2 place, float z, vec2 slope) {
    vec2 corner = place - 0.5;
    ivec2 base = ivec2(floor(corner));
    vec2 part = corner - vec2(base);
    float ref = z + dot(slope, vec2(base) + 0.5 - place);
    vec4 depths = four(image, base);
    vec4 lit = step(min(vec4(ref, ref + slope.x, ref + slope.y, ref + slope.x + slope.y), 1.0), depths);
    return mix(mix(lit.x, lit.y, part.x), mix(lit.z, lit.w, part.x), part.y);
}
#endif

#ifdef SHADOWS
// Distance along the map's axis of a window depth, and back.
float axial(ShadowMap map, float z) {
    float n = map.range.x, f = map.range.y;
    return map.range.w > 0.5 ? n + z * (f - n) : n * f / (f - z * (f - n));
}

// Share of the light that arrives, with the receiver taken as a plane (so that it hides not itself).
float shadow(ShadowMap map, Light light, Surface s, bool soft, bool disc) {
    vec4 q = map.texel_from_world * vec4(s.position, 1.0);
    if (q.w <= 0.0) return 1.0;
    float away = map.range.w > 0.5 ? 1.0 : q.w;
    float texel = map.range.z * away;
    vec3 lifted = s.position + s.flat_normal * LIFT * texel;
    q = map.texel_from_world * vec4(lifted, 1.0);
    q.xyz /= q.w;
    if (q.z <= 0.0 || any(lessThan(q.xy, map.tile.xy)) || any(greaterThan(q.xy, map.tile.zw)))
        return 1.0; // outside the light's frustum there is nothing that hides it
    float z = min(q.z, 1.0);
    vec4 plane = map.plane * vec4(s.flat_normal, -dot(s.flat_normal, lifted));
    vec2 slope = abs(plane.z) > 1e-7 ? -plane.xy / plane.z : vec2(0.0);
    float span = map.range.y - map.range.x;
    float per_metre = map.range.w > 0.5 ? 1.0 / span : map.range.x * map.range.y / (span * away * away);
    vec2 steepest = vec2(MAX_SLOPE * texel * per_metre);
    slope = clamp(slope, -steepest, steepest);

#ifdef SOFT
    if (soft) {
        ivec2 low = ivec2(map.tile.xy), high = ivec2(map.tile.zw) - 1;
        float distance = map.range.w > 0.5 ? axial(map, q.z) : away;
        // Half axes of the light as seen on the map, in texels for a blocker halfway.
        mat2 axes = mat2(dot(light.right.xyz, map.right.xyz), dot(light.right.xyz, map.up.xyz),
                         dot(light.up.xyz, map.right.xyz), dot(light.up.xyz, map.up.xyz)) / texel;
        if (disc) axes = mat2(length(light.right.xyz) / texel); // a disc that faces us
        float reach = map.range.w > 0.5 ? distance - map.range.x
                                        : (distance - map.range.x) / map.range.x;
        float turn = 2.0 * PI * fract(52.9829189 * fract(dot(gl_FragCoord.xy - first_pixel, vec2(0.06711056, 0.00583715))));
        float blockers = 0.0, blocked = 0.0;
        float widest = max(length(axes[0]), length(axes[1])) * reach;
        float bounded = reach * min(1.0, MAX_SEARCH / max(widest, 1e-6));
        for (int i = 0; i < SEARCH_TAPS; ++i) {
            float r = sqrt((float(i) + 0.5) / float(SEARCH_TAPS)), a = 2.39996323 * float(i) + turn;
            vec2 offset = axes * (r * vec2(cos(a), sin(a)) * bounded * (disc ? 1.0 : 1.2));
            ivec2 place = ivec2(floor(q.xy + offset));
            if (any(lessThan(place, low)) || any(greaterThan(place, high))) continue;
            float there = stored(place);
            if (there < min(z + dot(slope, vec2(place) + 0.5 - q.xy), 1.0)) {
                blockers += 1.0;
                blocked += axial(map, there);
            }
        }
        if (blockers == 0.0) return 1.0;
        float nearest = blocked / blockers;
        float gap = max(distance - nearest, 0.0);
        float width = map.range.w > 0.5 ? gap : gap / nearest;
        width = max(width, 1.0 / max(max(length(axes[0]), length(axes[1])), 1e-6)); // a texel at least
        float lit = 0.0;
        for (int i = 0; i < FILTER_TAPS; ++i) {
            vec2 unit;
            if (disc) {
                float r = sqrt((float(i) + 0.5) / float(FILTER_TAPS)), a = 2.39996323 * float(i) + turn;
                unit = r * vec2(cos(a), sin(a));
            } else {
                vec2 lattice = fract(vec2(0.754877666, 0.569840296) * float(i) + turn / (2.0 * PI));
                unit = 2.0 * lattice - 1.0;
            }
            ivec2 place = ivec2(floor(q.xy + axes * (unit * width)));
            bool outside = any(lessThan(place, low)) || any(greaterThan(place, high));
            lit += outside || stored(place) >= min(z + dot(slope, vec2(place) + 0.5 - q.xy), 1.0) ? 1.0 : 0.0;
        }
        return lit / float(FILTER_TAPS);
    }
#endif
    return filtered(shadow_atlas, q.xy, z, slope);
}

// The first of two maps of one light, but for what lies beyond it or in its rim.
ShadowMap finer(ShadowMap fine, ShadowMap coarse, vec3 position) {
    vec2 q = (fine.texel_from_world * vec4(position, 1.0)).xy;
    bool beyond = any(lessThan(q, fine.tile.xy + fine.right.w)) || any(greaterThan(q, fine.tile.zw - fine.right.w));
    ShadowMap found = fine;
    if (beyond) found = coarse;
    return found;
}

#ifdef SUN_MAP
// The same for a hard light with orthographic maps, each within the next, of equal axes and depth;
// places in the first map come interpolated.
in vec3 sun_texel;

bool off(vec2 place, vec4 tile) {
    return any(lessThan(place, tile.xy)) || any(greaterThan(place, tile.zw));
}

float sun_shadow(Surface s) {
    float texel = maps[SUN_MAP].range.z, span = maps[SUN_MAP].range.y - maps[SUN_MAP].range.x;
    vec3 lift = mat3(maps[SUN_MAP].texel_from_world) * (s.flat_normal * texel);
    vec3 q = sun_texel;
    vec4 tile = maps[SUN_MAP].tile;
#if SUN_MAPS > 1
    float finest = texel;
    for (int k = SUN_MAP + 1; k < SUN_MAP + SUN_MAPS; ++k) {
        float ratio = finest / maps[k].range.z;
        vec2 shift = maps[k].texel_from_world[3].xy - maps[SUN_MAP].texel_from_world[3].xy * ratio;
        if (off(q.xy, tile + vec4(1.0, 1.0, -1.0, -1.0) * maps[k - 1].right.w)) {
            q.xy = sun_texel.xy * ratio + shift;
            tile = maps[k].tile;
            texel = maps[k].range.z;
        }
    }
    lift.z *= texel / finest;
#endif
    q += LIFT * lift;
    float steepest = MAX_SLOPE * texel / span, ratio = texel / span;
    vec2 slope = abs(lift.z) > 1e-7 ? lift.xy * (-ratio * ratio / lift.z) : vec2(0.0);
    float lit = filtered(shadow_atlas, q.xy, min(q.z, 1.0), clamp(slope, -steepest, steepest));
    return q.z <= 0.0 || off(q.xy, tile) ? 1.0 : lit;
}
#endif

// The side of a cube about a point light that a surface lies on.
int cube_side(vec3 d) {
    vec3 a = abs(d);
    int axis = a.x >= a.y && a.x >= a.z ? 0 : a.y >= a.z ? 1 : 2;
    return 2 * axis + (d[axis] < 0.0 ? 1 : 0);
}
#endif

float ggx_specular(float nl, float nv, float nh, float alpha) {
    float a2 = alpha * alpha;
    float f = nh * nh * (a2 - 1.0) + 1.0;
    float distribution = a2 / (PI * f * f);
    float of_light = nl * sqrt(nv * nv * (1.0 - a2) + a2);
    float of_view = nv * sqrt(nl * nl * (1.0 - a2) + a2);
    return distribution * 0.5 / max(of_light + of_view, 1e-9);
}

float schlick_weight(float vh) {
    float m = clamp(1.0 - vh, 0.0, 1.0);
    float m2 = m * m;
    return m2 * m2 * m;
}

vec3 brdf(Surface s, vec3 l, float nl, float nv, float alpha) {
    vec3 h = normalize(l + s.view);
    float nh = clamp(dot(s.normal, h), 0.0, 1.0), vh = clamp(dot(s.view, h), 0.0, 1.0);
    vec3 f0 = mix(vec3(0.04), s.base, s.metallic);
    vec3 fresnel = f0 + (1.0 - f0) * schlick_weight(vh);
    return (1.0 - fresnel) * (1.0 - s.metallic) * s.base / PI
         + fresnel * ggx_specular(nl, nv, nh, alpha);
}

// Irradiance of a rectangle of radiance 1 (Lambert's formula over its edges), clipped at the horizon
// by clamping its corners' heights: exact where all of it is above.
float rectangle_irradiance(Surface s, Light light) {
    vec3 corner[4];
    vec3 middle = light.position.xyz - s.position;
    corner[0] = middle - light.right.xyz - light.up.xyz;
    corner[1] = middle + light.right.xyz - light.up.xyz;
    corner[2] = middle + light.right.xyz + light.up.xyz;
    corner[3] = middle - light.right.xyz + light.up.xyz;
    vec3 flux = vec3(0.0);
    for (int i = 0; i < 4; ++i) {
        vec3 a = corner[i], b = corner[(i + 1) & 3];
        float ha = dot(a, s.normal), hb = dot(b, s.normal);
        if (ha < 0.0 && hb < 0.0) { a -= s.normal * ha; b -= s.normal * hb; }
        else if (ha < 0.0) a = mix(a, b, ha / (ha - hb));
        else if (hb < 0.0) b = mix(b, a, hb / (hb - ha));
        a = normalize(a); b = normalize(b);
        vec3 across = cross(a, b);
        float sine = length(across);
        float angle = atan(sine, dot(a, b));
        flux += across * (sine > 1e-6 ? angle / sine : 1.0);
    }
    // The closing edge along the horizon adds nothing along the normal.
    return 0.5 * abs(dot(flux, s.normal));
}

vec3 area_light(Surface s, Light light, float nv, float alpha) {
    vec3 middle = light.position.xyz - s.position;
    if (dot(middle, light.direction.xyz) >= 0.0) return vec3(0.0); // behind it
    // Highlight: the rectangle's point nearest to the mirrored ray (Karis 2013), its lobe widened.
    vec3 r = reflect(-s.view, s.normal);
    float facing = dot(r, light.direction.xyz);
    vec3 hit = facing < -1e-4 ? r * (dot(middle, light.direction.xyz) / facing) - middle
                              : r * length(middle) - middle;
    vec2 half_size = vec2(length(light.right.xyz), length(light.up.xyz));
    vec3 x = light.right.xyz / half_size.x, y = light.up.xyz / half_size.y;
    vec3 point = middle + x * clamp(dot(hit, x), -half_size.x, half_size.x)
                        + y * clamp(dot(hit, y), -half_size.y, half_size.y);
    float d2 = dot(point, point);
    vec3 l = point * inversesqrt(d2);
    float nl = clamp(dot(s.normal, l), 0.0, 1.0);
    float area = 4.0 * half_size.x * half_size.y;
    float solid = area * max(-dot(l, light.direction.xyz), 0.0) / d2;
    vec3 h = normalize(l + s.view);
    float nh = clamp(dot(s.normal, h), 0.0, 1.0), vh = clamp(dot(s.view, h), 0.0, 1.0);
    vec3 f0 = mix(vec3(0.04), s.base, s.metallic);
    vec3 fresnel = f0 + (1.0 - f0) * schlick_weight(vh);
    // A lobe narrower than the light sees all of its energy: D V n.l solid is bounded by that.
    float a2 = alpha * alpha;
    float wide = a2 + solid / (4.0 * PI);
    float normalisation = a2 / wide;
    float specular = ggx_specular(max(nl, 1e-4), nv, nh, alpha) * nl * solid * normalisation;
    vec3 diffuse = (1.0 - fresnel) * (1.0 - s.metallic) * s.base / PI
                 * rectangle_irradiance(s, light);
    return light.radiance.rgb * (diffuse + fresnel * specular);
}

#ifdef ENVIRONMENT
uniform sampler2D environment_image;
uniform sampler2DArray environment_levels;

vec2 direction_to_uv(vec3 d) {
    return vec2(0.5 - atan(d.y, d.x) / (2.0 * PI), atan(length(d.xy), d.z) / PI);
}

vec3 prefiltered(vec3 r, float roughness) {
    vec2 uv = direction_to_uv(r);
    float level = roughness * 5.0;
    if (level < 1.0)
        return mix(textureLod(environment_image, uv, 0.0).rgb,
                   textureLod(environment_levels, vec3(uv, 1.0), 0.0).rgb, level);
    float low = min(floor(level), 4.0);
    return mix(textureLod(environment_levels, vec3(uv, low), 0.0).rgb,
               textureLod(environment_levels, vec3(uv, low + 1.0), 0.0).rgb, level - low);
}

vec3 irradiance_at(vec3 n) {
    vec3 sum = irradiance[0].rgb + irradiance[1].rgb * n.x + irradiance[2].rgb * n.y
             + irradiance[3].rgb * n.z + irradiance[4].rgb * (n.x * n.y)
             + irradiance[5].rgb * (n.y * n.z) + irradiance[6].rgb * (3.0 * n.z * n.z - 1.0)
             + irradiance[7].rgb * (n.x * n.z) + irradiance[8].rgb * (n.x * n.x - n.y * n.y);
    return max(sum, 0.0);
}
#endif

#ifdef OCCLUSION
// Share of the sky that is open, over directions with a shadow map each.
struct SkyMap { vec4 x, y, z, direction, light; };
layout(std140) uniform SkyBlock { SkyMap sky[SKY_MAPS]; };
uniform sampler2D sky_atlas;

// Adds a map's weight to the second sum, and to the first one as far as the sky is open there.
void add_sky(SkyMap map, vec2 low, Surface s, inout vec2 sums) {
    float weight = dot(s.flat_normal, map.direction.xyz);
    weight = weight > 0.02 ? weight * map.light.x : 0.0;
    float texel = map.direction.w;
    vec4 p = vec4(s.position + s.flat_normal * LIFT * texel, 1.0);
    vec3 q = vec3(dot(map.x, p), dot(map.y, p), dot(map.z, p));
    // Change of depth per texel along the receiver's plane.
    float per_metre = length(map.z.xyz);
    vec3 n = vec3(dot(s.flat_normal, map.x.xyz), dot(s.flat_normal, map.y.xyz),
                  dot(s.flat_normal, map.z.xyz) / per_metre) * vec3(texel, texel, 1.0);
    vec2 slope = clamp(n.xy / -max(abs(n.z), 1e-6) * sign(n.z), -MAX_SLOPE, MAX_SLOPE) * (texel * per_metre);
    float lit = filtered(sky_atlas, q.xy, q.z, slope);
    bool outside = any(lessThan(q.xy, low + 1.0)) || any(greaterThan(q.xy, low + SKY_TILE - 1.0));
    sums += weight * vec2(outside ? 1.0 : lit, 1.0);
}

float openness(Surface s) {
    vec2 sums = vec2(0.0);
    SKY_CALLS
    return sums.y > 0.0 ? sums.x / sums.y : 1.0;
}
#endif

#if defined(ENVIRONMENT) || defined(AMBIENT)
uniform sampler2D split_sum;
#endif

vec3 directional_light(Surface s, Light light, float nv, float alpha) {
    vec3 l = -light.direction.xyz;
    float nl = max(dot(s.normal, l), 0.0);
    return light.radiance.rgb * nl * brdf(s, l, nl, nv, alpha);
}

vec3 point_light(Surface s, Light light, float nv, float alpha) {
    vec3 way = light.position.xyz - s.position;
    float d2 = max(dot(way, way), 1e-8);
    vec3 l = way * inversesqrt(d2);
    float nl = max(dot(s.normal, l), 0.0);
    return light.radiance.rgb / d2 * nl * brdf(s, l, nl, nv, alpha);
}

vec3 spot_light(Surface s, Light light, float nv, float alpha) {
    vec3 l = normalize(light.position.xyz - s.position);
    float cone = light.radiance.w;
    float angle = acos(clamp(-dot(l, light.direction.xyz), -1.0, 1.0));
    float t = clamp((cone - angle) / (0.2 * cone), 0.0, 1.0);
    return t * t * (3.0 - 2.0 * t) * point_light(s, light, nv, alpha);
}

vec3 shade(Surface s) {
    float alpha = s.roughness * s.roughness;
    float nv = clamp(dot(s.normal, s.view), MIN_COSINE, 1.0);
    vec3 total = vec3(0.0);
    LIGHT_CALLS
#if defined(ENVIRONMENT) || defined(AMBIENT)
    vec3 f0 = mix(vec3(0.04), s.base, s.metallic);
    vec2 ab = textureLod(split_sum, vec2(nv, s.roughness), 0.0).rg;
    vec3 specular = (f0 * ab.x + ab.y) * (1.0 + f0 * (1.0 / max(ab.x + ab.y, 1e-4) - 1.0));
    vec3 diffuse = (1.0 - specular) * (1.0 - s.metallic) * s.base;
    total += (specular + diffuse) * ambient.rgb;
#endif
#ifdef ENVIRONMENT
    float open = 1.0, gloss_open = 1.0;
#ifdef OCCLUSION
    open = openness(s);
    // Lagarde and de Rousiers, "Moving Frostbite to PBR", 2014, listing 26.
    gloss_open = clamp(pow(nv + open, exp2(-16.0 * s.roughness - 1.0)) - 1.0 + open, 0.0, 1.0);
#endif
    vec3 r = reflect(-s.view, s.normal);
    total += gloss_open * specular * prefiltered(r, s.roughness);
    total += diffuse * (open * irradiance_at(s.normal) / PI + (1.0 - open) * bounce.rgb);
    total += specular * (1.0 - gloss_open) * bounce.rgb;
#endif
    return total;
}
