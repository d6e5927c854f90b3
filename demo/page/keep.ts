import type { RunFiles, ViewName } from '../protocol.ts';
import type { Companion } from './companion.ts';
import { saveButton } from './control-rows.ts';
import { byId, download, element } from './dom.ts';
import { areDefaultGoals } from './goals.ts';
import { commandLine, hashOf } from './link.ts';
import type { LiveRun } from './live-run.ts';
import { notify } from './notices.ts';
import type { GivenFile } from './run-files.ts';

/** Milliseconds after the last change until the address follows it: browsers limit how often it may change. */
const ADDRESS_MS = 400;

/** What a visitor takes away from the page, and brings back to it: link, command, run, numbers, pictures. */
export class Keep {
  readonly #run: LiveRun;
  readonly #companion: Companion;
  readonly #command = element('code', {
    id: 'command',
    tabindex: '0',
    'aria-label': 'Command that repeats this run',
  });
  readonly #note = element('p', { class: 'note' });
  readonly #files = element('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    id: 'files',
    'aria-label': 'Files of a run',
  });
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(run: LiveRun, companion: Companion) {
    this.#run = run;
    this.#companion = companion;
    const button = (id: string, text: string, title: string, act: () => void) =>
      element('button', { type: 'button', id, text, title, on: { click: act } });
    this.#files.addEventListener('change', () => {
      this.#load([...(this.#files.files ?? [])]);
      this.#files.value = '';
    });
    byId('controls').append(
      element(
        'div',
        { class: 'group keep', role: 'group', 'aria-label': 'Share and keep' },
        element(
          'div',
          { class: 'buttons' },
          button('copy-link', 'Copy link', 'Settings, goals, seed and state, as an address', () =>
            this.#copy(new URL(this.#address(), location.href).href, 'The link'),
          ),
          button('save-run', 'Save run', 'A run folder as a zip, for the command line or this page', () =>
            run.send({ type: 'save' }),
          ),
          button('load-run', 'Load run', 'A zip or the files of a run folder; dropping them works too', () =>
            this.#files.click(),
          ),
          button('profile-button', 'Profile', 'Where the time of an iteration goes', () => undefined),
          button('csv', 'CSV', 'The numbers of all charts, of a second learner too', () => this.#csv()),
        ),
        element(
          'div',
          { class: 'command' },
          this.#command,
          button('copy-command', 'Copy', 'Copy the command that repeats this run', () =>
            this.#copy(this.#command.textContent, 'The command'),
          ),
        ),
        this.#note,
        this.#files,
      ),
    );
    for (const view of ['world', 'energy'] as const) this.#pictureButton(view);
    this.#acceptDrops();
    run.listen((news) => {
      if (news.type === 'edited' || news.type === 'ready') this.#render();
      if (news.type === 'saved') void saveRun(news.name, news.files);
      if (news.type === 'picture') download(`softq-${news.view}-${run.updates}.png`, news.png);
    });
    this.#render();
  }

  /** A recorded run has no weights to save, and nothing can be loaded where nothing runs. */
  hideSaving(): void {
    for (const id of ['save-run', 'load-run', 'profile-button']) byId(id).hidden = true;
  }

  #render(): void {
    const { shared } = this.#run;
    this.#command.textContent = commandLine(shared.settings);
    this.#note.textContent = areDefaultGoals(shared.goals)
      ? ''
      : 'Goals of your own are in the link and in a saved run, but in no command.';
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => history.replaceState(null, '', this.#address()), ADDRESS_MS);
  }

  /** The page's address with what is chosen now. */
  #address(): string {
    const hash = hashOf(this.#run.shared);
    return location.pathname + location.search + (hash && `#${hash}`);
  }

  #pictureButton(view: ViewName): void {
    byId(`${view}-place`)
      .querySelector('.place-head')!
      .append(saveButton(`the picture of the ${view}`, () => this.#run.send({ type: 'picture', view })));
  }

  #copy(text: string, what: string): void {
    // Without a secure origin there is no clipboard.
    const copied = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'));
    copied.then(
      () => notify(`${what} is on the clipboard.`),
      () => notify(`The clipboard is closed to this page; ${what.toLowerCase()} is ${text}`),
    );
  }

  #csv(): void {
    const { preset, seed } = this.#run.config;
    const { learner } = this.#companion;
    const { history } = this.#run;
    const all = learner ? history.joined(learner.history, `${learner.config.algorithm}/`) : history;
    const csv = new Blob([all.csv()], { type: 'text/csv' });
    download(`softq-${preset}-s${seed}.csv`, csv);
  }

  #acceptDrops(): void {
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length > 0) this.#load(files);
    });
  }

  #load(files: readonly File[]): void {
    readRun(files).then(
      (run) => this.#run.send({ type: 'load', files: run }),
      (error: unknown) => notify((error as Error).message),
    );
  }
}

/** Hands the visitor a run as a zip of a run folder. */
export async function saveRun(name: string, files: RunFiles): Promise<void> {
  // Loaded when first needed: most visits keep nothing.
  const { packRun } = await import('./run-files.ts');
  download(`${name}.softq.zip`, new Blob([packRun(name, files)], { type: 'application/zip' }));
}

async function readRun(files: readonly File[]): Promise<RunFiles> {
  const { unpackRun } = await import('./run-files.ts');
  const given = files.map(async (file): Promise<GivenFile> => ({
    path: file.webkitRelativePath || file.name,
    bytes: new Uint8Array(await file.arrayBuffer()),
  }));
  return unpackRun(await Promise.all(given));
}

/** A name for the files of a run that failed. */
export function nameOf({ config, updates }: LiveRun): string {
  return `${config.environment}-${config.preset}-s${config.seed}-u${updates}`;
}
