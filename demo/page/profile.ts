import type { Report } from '../protocol.ts';
import { percent } from '../words.ts';
import { byId, element } from './dom.ts';
import type { LiveRun } from './live-run.ts';

type Profile = Extract<Report, { type: 'profile' }>;

const COLUMNS = ['Program', 'Dispatches', 'ms', 'GFLOP/s', 'of roofline'] as const;

/** Where the time of an iteration goes, measured when the visitor asks. */
export function installProfile(run: LiveRun): void {
  const words = element('p', { 'aria-live': 'polite' });
  const table = element('table');
  const close = element('button', { type: 'button', text: 'Close', on: { click: () => dialog.close() } });
  const again = element('button', { type: 'button', text: 'Measure again', on: { click: () => measure() } });
  const dialog: HTMLDialogElement = element(
    'dialog',
    { class: 'profile', 'aria-labelledby': 'profile-title' },
    element('h2', { id: 'profile-title', text: 'Where the time goes' }),
    words,
    table,
    element('div', { class: 'buttons' }, again, element('span', { class: 'space' }), close),
  );
  document.body.append(dialog);
  let measuring = false;
  const measure = () => {
    measuring = true;
    words.textContent = 'Measuring each program on the device…';
    table.replaceChildren();
    run.send({ type: 'profile' });
  };
  byId('profile-button').addEventListener('click', () => {
    dialog.showModal();
    measure();
  });
  run.listen((news) => {
    if (measuring && (news.type === 'refused' || news.type === 'failed')) {
      measuring = false;
      words.textContent = news.message;
    }
    if (measuring && news.type === 'lost') {
      measuring = false;
      words.textContent = 'The graphics device was lost while it was measured.';
    }
    if (news.type !== 'profile') return;
    measuring = false;
    words.textContent = summary(news);
    table.replaceChildren(
      element('thead', {}, line('th', [...COLUMNS])),
      element('tbody', {}, ...news.programs.map((program) => line('td', cells(program)))),
    );
  });
}

function summary({ message, roofline }: Profile): string {
  return `${message} Multiply-adds alone reach ${roofline.toFixed(1)} GFLOP/s here.`;
}

function cells({
  program,
  dispatches,
  milliseconds,
  gflops,
  rooflineShare,
}: Profile['programs'][number]): string[] {
  return [
    program,
    String(dispatches),
    milliseconds.toFixed(3),
    gflops === null ? '' : gflops.toFixed(2),
    rooflineShare === null ? '' : percent(rooflineShare),
  ];
}

function line(kind: 'th' | 'td', texts: readonly string[]): HTMLTableRowElement {
  return element(
    'tr',
    {},
    ...texts.map((text) => element(kind, { text, ...(kind === 'th' && { scope: 'col' }) })),
  );
}
