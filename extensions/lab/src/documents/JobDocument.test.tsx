// @vitest-environment jsdom

import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { expect, test } from 'vitest';

import type { Action, Job } from '../api/answers';
import { Client } from '../api/client';
import { Format } from '../format';
import { Model } from '../model';
import { ServicesProvider } from '../services';
import { aProject } from '../testing';
import { JobDocument } from './JobDocument';

/** Show an action that was cancelled while it ran. */
async function cancelled(action: Action): Promise<string> {
  const job: Job = { id: 'j1', action, view: 'spend', state: 'running', progress: [], result: null, problem: null };
  const answers: Partial<Client> = {
    projects: async () => ({ project: aProject(), others: [], problem: null }),
    branches: async () => [],
    features: async () => ({ branch: null, views: [], total: 0 }),
    runs: async () => ({ runs: [], problem: null }),
    catalog: async () => ({ views: [], problems: [] }),
    async *changes(_project, signal) {
      await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
      yield [];
    },
    startJob: async () => job,
    async *job() {
      yield { ...job, state: 'cancelled' };
    }
  };
  const client = Object.assign(Object.create(Client.prototype) as Client, answers);
  const model = new Model(client);
  const services = { model, client, commands: new CommandRegistry(), trans: nullTranslator.load(''), format: new Format('en') };
  const node = document.createElement('div');
  await act(() => model.follow({ path: 'delays/a.ipynb', kernel: 'k1' }));
  await act(async () =>
    createRoot(node).render(
      <ServicesProvider value={services}>
        <JobDocument subject={{ action, view: 'spend', given: {} }} />
      </ServicesProvider>
    )
  );
  model.dispose();
  return node.textContent ?? '';
}

test('what only looks changed nothing when it is cancelled; what publishes may have published', async () => {
  expect(await cancelled('check')).toContain('Cancelled. Nothing was changed.');
  for (const action of ['promote', 'rollback'] as const) {
    const said = await cancelled(action);
    expect(said).toContain('versions of spend');
    expect(said).not.toContain('Nothing was changed');
  }
});
