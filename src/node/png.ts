import { createRequire } from 'node:module';
import { Resvg } from '@resvg/resvg-js';

// Fonts come from a package, so that a figure has the same pixels on every machine.
const require = createRequire(import.meta.url);
const fontFiles = ['DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSans-Oblique'].map((name) =>
  require.resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`),
);

/** The bytes of a PNG of `svg`, `scale` pixels to each of its units. */
export function svgToPng(svg: string, scale = 2): Uint8Array {
  const drawing = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: {
      loadSystemFonts: false,
      fontFiles,
      defaultFontFamily: 'DejaVu Sans',
      sansSerifFamily: 'DejaVu Sans',
    },
  });
  return new Uint8Array(drawing.render().asPng());
}
