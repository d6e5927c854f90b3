import * as Plot from '@observablehq/plot';

/** Text colour of every figure. */
export const INK = '#222222';
/** Colour of secondary text, axes and frames. */
export const SOFT_INK = '#5a5a5a';

// Verdana has DejaVu's widths, so a viewer without DejaVu keeps the layout.
const FONT_FAMILY = "'DejaVu Sans', Verdana, sans-serif";

/** Options of one piece of text on a sheet; sizes in pixels. */
export interface TextOptions {
  size?: number;
  bold?: boolean;
  italic?: boolean;
  fill?: string;
  anchor?: 'start' | 'middle' | 'end';
}

/** Where the frame (the data rectangle) of a panel lies on the sheet, and the room around it for its axes; pixels. */
export interface PanelBox {
  x: number;
  y: number;
  width: number;
  height: number;
  left?: number;
  right?: number;
  top?: number;
  bottom?: number;
}

/** `text` with the characters that mean something in XML escaped, and those XML forbids left out. */
export function escapeXml(text: string): string {
  return [...text]
    .filter(isWritableInXml)
    .join('')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;');
}

/** XML 1.0 has no way to write most control characters, nor the two that are never characters. */
function isWritableInXml(character: string): boolean {
  return (character >= ' ' || '\t\n\r'.includes(character)) && !'\ufffe\uffff'.includes(character);
}

/** Breaks `text` at spaces into lines that fit `width` pixels, by DejaVu Sans's mean character width. */
export function wrapText(text: string, width: number, size: number, bold = false): string[] {
  const limit = Math.max(1, Math.floor(width / (size * (bold ? 0.68 : 0.6))));
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    let rest = word;
    if (line !== '' && line.length + 1 + rest.length > limit) {
      lines.push(line);
      line = '';
    }
    // A word longer than a line (a path, a hash) is cut: better than running off the sheet.
    for (; rest.length > limit; rest = rest.slice(limit)) lines.push(rest.slice(0, limit));
    line = line === '' ? rest : `${line} ${rest}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** `value` with at most `digits` decimals, no trailing zeros, and a true minus sign. */
export function formatNumber(value: number, digits = 2): string {
  const text = String(Number(value.toFixed(digits)) + 0);
  return text.replace('-', '\u2212');
}

/** `value` as axes show it: 20k, 1.5M. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${formatNumber(value / 1e6)}M`;
  if (size >= 1e4) return `${formatNumber(value / 1e3)}k`;
  return size > 0 && size < 0.01 ? value.toExponential(0).replaceAll('-', '\u2212') : formatNumber(value, 3);
}

/** Axes with centred labels, and a frame; a null label leaves out the axis's numbers too, for panels that share it. */
export function frameAndAxes(xLabel: string | null, yLabel: string | null, ticks: number[]): Plot.Markish[] {
  const common = {
    ticks,
    tickSize: 4,
    tickFormat: (d: number) => formatNumber(d),
    color: SOFT_INK,
    fontSize: 10,
  };
  const labelled = (label: string | null, labelOffset: number) => ({
    ...common,
    ...(label === null ? { tickFormat: () => '' } : {}),
    label,
    labelAnchor: 'center' as const,
    labelArrow: 'none' as const,
    labelOffset,
  });
  const axes: Plot.Markish[] = [Plot.axisX(labelled(xLabel, 34)), Plot.axisY(labelled(yLabel, 40))];
  return [...axes, Plot.frame({ stroke: SOFT_INK, strokeWidth: 1 })];
}

/**
 * One SVG drawing put together from text, shapes and Plot panels placed in pixels. The result depends on nothing
 * but what was added: no style sheet, no id, no font that must be fetched.
 */
export class Sheet {
  readonly #document: Document;
  readonly #parts: string[] = [];

  /** `document` makes the elements of the panels: the page's own, or linkedom's in Node. */
  constructor(document: Document) {
    this.#document = document;
  }

  /** Adds one line of text whose baseline starts (or is centred, or ends) at (x, y). */
  text(x: number, y: number, text: string, options: TextOptions = {}): void {
    const { size = 11, bold = false, italic = false, fill = INK, anchor = 'start' } = options;
    const weight = (bold ? ' font-weight="bold"' : '') + (italic ? ' font-style="italic"' : '');
    this.#parts.push(
      `<text x="${x}" y="${y}" font-size="${size}"${weight} fill="${fill}" text-anchor="${anchor}">${escapeXml(text)}</text>`,
    );
  }

  /** Adds a panel's letter, heading and a smaller second line, over a frame whose top is at `top`. */
  heading(x: number, top: number, letter: string, text: string, detail: string): void {
    this.text(x, top - 24, letter, { size: 13, bold: true });
    this.text(x + 16, top - 24, text, { size: 12 });
    this.text(x + 16, top - 9, detail, { size: 10, fill: SOFT_INK });
  }

  /** Adds raw SVG, for marks of a legend; the caller answers for its validity. */
  shape(svg: string): void {
    this.#parts.push(svg);
  }

  /** Adds a Plot panel, of class `name`, with its frame in `box`. */
  panel(name: string, box: PanelBox, options: Plot.PlotOptions): void {
    const { left = 0, right = 0, top = 0, bottom = 0 } = box;
    const node = Plot.plot({
      ...options,
      document: this.#document,
      className: 'softq',
      figure: false,
      width: box.width + left + right,
      height: box.height + top + bottom,
      marginLeft: left,
      marginRight: right,
      marginTop: top,
      marginBottom: bottom,
    });
    // Plot's sheet uses :where() and variables, which only browsers understand, and would restyle a host page.
    for (const style of Array.from(node.querySelectorAll('style'))) style.remove();
    node.setAttribute('class', name);
    node.setAttribute('x', String(box.x - left));
    node.setAttribute('y', String(box.y - top));
    node.setAttribute('font-family', FONT_FAMILY);
    // Marks on the frame's edge may reach over it; a nested svg would cut them.
    node.setAttribute('overflow', 'visible');
    const svg = node.outerHTML
      .replaceAll('currentColor', SOFT_INK)
      .replace(/\d+\.\d{3,}/g, (digits) => String(Number(Number(digits).toFixed(2))));
    this.#parts.push(svg);
  }

  /** The drawing as one self-contained SVG document, `width` by `height` pixels, on white. */
  toString(width: number, height: number, description: string): string {
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
        `font-family="${FONT_FAMILY}" role="img" aria-label="${escapeXml(description)}">`,
      `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
      ...this.#parts,
      '</svg>',
      '',
    ].join('\n');
  }
}
