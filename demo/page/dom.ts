/** Attributes and listeners of a new element. */
export interface Properties {
  readonly class?: string;
  readonly text?: string;
  readonly on?: Readonly<Record<string, (event: never) => void>>;
  /** Any other attribute; true sets it empty, false and undefined leave it out. */
  readonly [attribute: string]: unknown;
}

/** Makes an element; text is set as text, so nothing here can be markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  apply(made, properties);
  made.append(...children);
  return made;
}

/** Makes an element of SVG. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: readonly Node[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  apply(made, properties);
  made.append(...children);
  return made;
}

function apply(made: Element, { class: names, text, on = {}, ...attributes }: Properties): void {
  if (names) made.setAttribute('class', names);
  if (text !== undefined) made.textContent = text;
  for (const [type, listener] of Object.entries(on)) made.addEventListener(type, listener as EventListener);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false)
      made.setAttribute(attribute, value === true ? '' : String(value));
  }
}

/**
 * The element of the page with an id.
 * @throws Error if index.html has none.
 */
export function byId<Kind extends HTMLElement = HTMLElement>(id: string): Kind {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element '${id}'`);
  return found as Kind;
}

/** Hands the visitor a file. */
export function download(name: string, contents: Blob): void {
  const url = URL.createObjectURL(contents);
  const link = element('a', { href: url, download: name });
  link.click();
  // After the click was handled: a browser reads the address only then.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
