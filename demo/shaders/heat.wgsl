// A field as a heat map with contour lines, in one or two squares. One fragment per pixel of two triangles a panel.
// field (panels, side, side), row by row from below; scale (SCALE_SIZE) says which values the colours span.
@group(0) @binding(0) var<uniform> energy: Energy;
@group(0) @binding(1) var<storage, read> field: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;

const CONTOUR_ALPHA = 0.34;
const AXIS_ALPHA = 0.20;
const BRIGHT = 0.45;

struct Pixel {
  @builtin(position) clip: vec4f,
  @location(0) place: vec2f, // from 0 to 1 across the panel
  @location(1) @interpolate(flat) panel: u32,
}

@vertex
fn stretch(@builtin(vertex_index) vertex: u32, @builtin(instance_index) panel: u32) -> Pixel {
  let corner = square_corner(vertex);
  return Pixel(panel_clip(panel, corner), corner, panel);
}

// Viridis (van der Walt and Smith), a polynomial of degree 6 fitted by Zucker; t from 0 to 1, sRGB.
fn viridis(t: f32) -> vec3f {
  let c0 = vec3f(0.2777273, 0.0054073, 0.3340998);
  let c1 = vec3f(0.1050930, 1.4046135, 1.3845902);
  let c2 = vec3f(-0.3308618, 0.2148476, 0.0950952);
  let c3 = vec3f(-4.6342305, -5.7991010, -19.3324410);
  let c4 = vec3f(6.2282699, 14.1799334, 56.6905526);
  let c5 = vec3f(4.7763850, -13.7451454, -65.3530326);
  let c6 = vec3f(-5.4354559, 4.6458526, 26.3124352);
  return saturate(c0 + t * (c1 + t * (c2 + t * (c3 + t * (c4 + t * (c5 + t * c6))))));
}

fn at(which: u32, column: u32, row: u32) -> f32 {
  return field[(which * energy.side + row) * energy.side + column];
}

// Bilinear between the points of the lattice.
fn value_at(which: u32, place: vec2f) -> f32 {
  let last = energy.side - 1u;
  let p = saturate(place) * f32(last);
  let corner = min(vec2u(p), vec2u(last - 1u));
  let part = p - vec2f(corner);
  let low = mix(at(which, corner.x, corner.y), at(which, corner.x + 1u, corner.y), part.x);
  let high = mix(at(which, corner.x, corner.y + 1u), at(which, corner.x + 1u, corner.y + 1u), part.x);
  return mix(low, high, part.y);
}

@fragment
fn shade(pixel: Pixel) -> @location(0) vec4f {
  let place = pixel.place;
  let right = energy.split == 1u && place.x > 0.5;
  let height = value_at(select(pixel.panel, 1u, right), place);
  let t = saturate((height - scale[LOW]) / max(scale[HIGH] - scale[LOW], 1e-6));
  var colour = viridis(t);
  // Lines are dark on bright colours and bright on dark ones.
  let line_colour = select(vec3f(1.0), vec3f(0.05, 0.06, 0.10), t > BRIGHT);
  let levels = (scale[HIGH] - height) / scale[STEP];
  let slope = max(fwidth(levels), 1e-6);
  let line = saturate(1.0 - abs(fract(levels + 0.5) - 0.5) / slope * energy.pixel / energy.thickness);
  // Beyond the colours, at the very top and where lines would merge there are none.
  let drawn = select(0.0, 1.0, height > scale[LOW] && levels > 0.5) * (1.0 - smoothstep(0.25, 0.5, slope));
  colour = mix(colour, line_colour, CONTOUR_ALPHA * line * drawn);
  let axis = min(abs(place.x - 0.5), abs(place.y - 0.5));
  colour = mix(colour, line_colour, AXIS_ALPHA * saturate((0.5 * energy.thickness - axis) / energy.pixel + 0.5));
  if (energy.split == 1u) {
    let seam = abs(place.x - 0.5);
    colour = mix(colour, vec3f(0.05, 0.06, 0.10), saturate((2.0 * energy.thickness - seam) / energy.pixel + 0.5));
    colour = mix(colour, vec3f(1.0), saturate((energy.thickness - seam) / energy.pixel + 0.5));
  }
  return vec4f(colour, 1.0);
}
