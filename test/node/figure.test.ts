import { Resvg } from '@resvg/resvg-js';
import { describe, expect, it } from 'vitest';
import { createDocument } from '../../src/node/document.ts';
import { svgToPng } from '../../src/node/png.ts';
import { figure1 } from '../../src/report/figure1.ts';
import { exampleData, withExact } from '../report/figure1-example.ts';

/** Width and height from a PNG's header chunk. */
function pngSize(png: Uint8Array): [number, number] {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  return [view.getUint32(16), view.getUint32(20)];
}

/** RGBA pixels of a PNG, read back through an SVG that shows nothing else. */
function pixelsOf(png: Uint8Array): Uint8Array {
  const [width, height] = pngSize(png);
  const data = Buffer.from(png).toString('base64');
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<image width="${width}" height="${height}" href="data:image/png;base64,${data}"/></svg>`;
  return new Resvg(svg).render().pixels;
}

const data = exampleData(40, 100);

describe.each([
  ['the learned row alone', data],
  ['the exact row below it', withExact(data)],
])('svgToPng of Figure 1 with %s', (_, shown) => {
  const svg = figure1(shown, createDocument());
  const height = Number(/height="(\d+)"/.exec(svg)?.[1]);

  it('has the size of the drawing times the scale', () => {
    const png = svgToPng(svg, 0.5);
    expect(Array.from(png.subarray(1, 4), (c) => String.fromCharCode(c)).join('')).toBe('PNG');
    expect(pngSize(png)).toEqual([600, Math.round(height / 2)]);
    expect(pngSize(svgToPng(svg))).toEqual([2400, 2 * height]);
  });

  it('shows a figure of many colours on white, opaque, clear of the edges', () => {
    const png = svgToPng(svg, 1);
    const [width] = pngSize(png);
    const pixels = pixelsOf(png);
    const colours = new Set<number>();
    let inked = 0;
    let atEdge = 0;
    let transparent = 0;
    for (let k = 0; k < pixels.length; k += 4) {
      const [r = 0, g = 0, b = 0, a = 0] = pixels.subarray(k, k + 4);
      if (a !== 255) transparent++;
      colours.add((r << 16) | (g << 8) | b);
      if (r === 255 && g === 255 && b === 255) continue;
      inked++;
      const x = (k / 4) % width;
      const y = Math.floor(k / 4 / width);
      if (x < 6 || y < 6 || x >= width - 6 || y >= height - 6) atEdge++;
    }
    expect(colours.size).toBeGreaterThan(200);
    expect(inked / (pixels.length / 4)).toBeGreaterThan(0.3);
    expect(inked / (pixels.length / 4)).toBeLessThan(0.8);
    expect(atEdge).toBe(0);
    expect(transparent).toBe(0);
  });
});

describe('svgToPng', () => {
  it('finds its fonts without the system: text leaves marks, the same bytes each time', () => {
    const words =
      '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><text x="2" y="15">word</text></svg>';
    const blank = '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"/>';
    expect(svgToPng(words)).toEqual(svgToPng(words));
    expect(svgToPng(words)).not.toEqual(svgToPng(blank));
  });
});
