import type { Appearance } from '../protocol.ts';
import { byId } from './dom.ts';
import { goalColours } from './marks.ts';

const KEY = 'softq-theme';

/** Theme and motion: what the system asks for, until the visitor chooses a theme here. */
export function installAppearance(onChange: (appearance: Appearance) => void): () => Appearance {
  const darkness = matchMedia('(prefers-color-scheme: dark)');
  const stillness = matchMedia('(prefers-reduced-motion: reduce)');
  let chosen = remembered();
  const appearance = (): Appearance => ({
    dark: chosen === null ? darkness.matches : chosen === 'dark',
    reducedMotion: stillness.matches,
  });
  const button = byId('theme-button');
  const apply = () => {
    const { dark } = appearance();
    const root = document.documentElement;
    root.dataset['theme'] = dark ? 'dark' : 'light';
    // One source for the goals' colours: the pictures have them too.
    goalColours(dark).forEach((colour, goal) => root.style.setProperty(`--goal-${goal + 1}`, colour));
    button.textContent = dark ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Use the ${dark ? 'light' : 'dark'} theme`);
    onChange(appearance());
  };
  button.addEventListener('click', () => {
    chosen = appearance().dark ? 'light' : 'dark';
    remember(chosen);
    apply();
  });
  darkness.addEventListener('change', apply);
  stillness.addEventListener('change', apply);
  apply();
  return appearance;
}

/** A browser may refuse to keep anything; then the theme lasts as long as the page. */
function remembered(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Nothing to do about it.
  }
}
