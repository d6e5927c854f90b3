import { byId, element } from './dom.ts';

/** Milliseconds that a notice stays; longer for longer sentences. */
const LEAST_MS = 5000;
const MS_PER_LETTER = 80;

/** Tells the visitor one sentence, which goes by itself; it is read out as well. */
export function notify(text: string): void {
  const notice = element('p', { class: 'notice', text });
  byId('notices').replaceChildren(notice);
  setTimeout(() => notice.remove(), Math.max(LEAST_MS, text.length * MS_PER_LETTER));
}

/** Something that can be done about a banner. */
export interface Remedy {
  readonly text: string;
  readonly act: () => void;
}

/** A message that stays above the page until something changes; null takes it away. */
export function showBanner(
  banner: { readonly title: string; readonly text: string; readonly remedies?: readonly Remedy[] } | null,
): void {
  const host = byId('banner');
  host.hidden = banner === null;
  if (!banner) return;
  const words = element(
    'div',
    { role: 'alert' },
    element('strong', { text: banner.title }),
    ' ',
    element('span', { text: banner.text }),
  );
  const buttons = (banner.remedies ?? []).map(({ text, act }) =>
    element('button', { type: 'button', text, on: { click: act } }),
  );
  host.replaceChildren(words, ...buttons);
}
