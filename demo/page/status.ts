import type { Report } from '../protocol.ts';
import { percent } from '../words.ts';
import { byId } from './dom.ts';
import type { LiveRun } from './live-run.ts';

/** Milliseconds between two sentences about the charts: each is read out to whoever listens. */
const WORDS_MS = 8000;

/** What the page says about the run in words and numbers: header, captions, text alternatives of the pictures. */
export function installStatus(run: LiveRun): void {
  let spoken = 0;
  let lost = false;
  let failed = false;
  const renderState = () => {
    const { running, adapter, pace, recorded } = run;
    const name = recorded ? 'Recorded run' : pace === null ? 'Training' : 'Slow motion';
    const [state, text] = failed
      ? ['stopped', 'Stopped']
      : adapter === ''
        ? ['starting', 'Starting']
        : lost
          ? ['recovering', 'Recovering']
          : running
            ? ['active', name]
            : ['paused', 'Paused'];
    byId('state-text').textContent = text;
    byId('state').dataset['state'] = state;
    byId('adapter').textContent = adapter;
    byId('adapter').title = adapter;
    byId('adapter').hidden = adapter === '';
  };
  run.listen((news) => {
    switch (news.type) {
      case 'lost':
      case 'ready':
        lost = news.type === 'lost';
        failed = false;
        renderState();
        showUpdates(run);
        break;
      case 'failed':
        lost = false;
        failed = true;
        renderState();
        break;
      case 'running':
      case 'edited':
        renderState();
        break;
      case 'progress':
        showUpdates(run);
        showRates(news);
        if (performance.now() - spoken > WORDS_MS) {
          spoken = performance.now();
          byId('learning-words').textContent = chartWords(run);
        }
        break;
      case 'summary':
        byId(`${news.view}-words`).textContent = news.text;
        break;
      case 'refused':
      case 'evaluation':
      case 'exact':
      case 'distance':
      case 'profile':
      case 'saved':
      case 'picture':
        break;
    }
  });
  renderState();
}

function showUpdates({ updates, config }: LiveRun): void {
  const goal = config.updates.toLocaleString('en');
  byId('updates').textContent = `${updates.toLocaleString('en')} updates of ${goal}`;
}

function showRates({ updatesPerSecond, stepsPerSecond }: Extract<Report, { type: 'progress' }>): void {
  const rates = [
    [updatesPerSecond, 'updates/s'],
    [stepsPerSecond, 'steps/s'],
  ] as const;
  byId('rates').textContent = rates
    .filter(([rate]) => rate > 0)
    .map(([rate, unit]) => `${compact(rate)} ${unit}`)
    .join(' · ');
}

/** 12, 340, 1.2K, 3.4M: as wide as it must be and no wider. */
function compact(value: number): string {
  return Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 2 }).format(value);
}

function chartWords({ updates, history }: LiveRun): string {
  const known = (name: string, text: (value: number) => string) => {
    const value = history.latest(name);
    return value === null ? [] : [text(value)];
  };
  return [
    `After ${updates} updates`,
    ...known('charts/episodic_return', (value) => `return ${value.toFixed(0)}`),
    ...known('evaluation/success', (value) => `${percent(value)} of episodes reach a goal`),
    ...known('losses/critic_loss', (value) => `Bellman error ${value.toPrecision(2)}`),
  ].join(', ');
}
