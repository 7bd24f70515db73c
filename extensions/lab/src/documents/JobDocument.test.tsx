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

/** Show an action that ends in `end`, and tell what each of its jobs was given. */
async function shown(action: Action, end: Partial<Job>): Promise<{ node: HTMLElement; given: unknown[] }> {
  const job: Job = { id: 'j1', action, view: 'spend', state: 'running', progress: [], result: null, problem: null };
  const started: unknown[] = [];
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
    startJob: async (_place, _action, _view, given) => {
      started.push(given);
      return job;
    },
    async *job() {
      yield { ...job, ...end };
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
  return { node, given: started };
}

async function cancelled(action: Action): Promise<string> {
  return (await shown(action, { state: 'cancelled' })).node.textContent ?? '';
}

test('what only looks changed nothing when it is cancelled; what publishes may have published', async () => {
  expect(await cancelled('check')).toContain('Cancelled. Nothing was changed.');
  for (const action of ['promote', 'rollback'] as const) {
    const said = await cancelled(action);
    expect(said).toContain('versions of spend');
    expect(said).not.toContain('Nothing was changed');
  }
});

/** Let React see what somebody types. */
async function type(input: HTMLInputElement, text: string): Promise<void> {
  const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')!.set!;
  await act(async () => {
    set.call(input, text);
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

test('what is in the way of a plan may be accepted with a reason, and is planned again', async () => {
  const result = { mime: {}, refused: true, passed: false, plan: null, acceptable: ['spend:total', 'spend:drift'] };
  const { node, given } = await shown('plan', { state: 'done', result });
  const submit = node.querySelector('.wb-Accept button') as HTMLButtonElement;
  expect(submit.disabled).toBe(true);
  const [total] = [...node.querySelectorAll<HTMLInputElement>('.wb-Accept input')];
  expect(total.getAttribute('aria-label')).toBe('Why spend:total is intended');
  await type(total, '  new prices ');
  expect(submit.disabled).toBe(false);
  await act(async () => node.querySelector('.wb-Accept form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true })));
  expect(given).toEqual([{}, { accept: { 'spend:total': 'new prices' } }]);
});

test('where nothing may be accepted nobody is asked for a reason', async () => {
  const result = { mime: {}, refused: true, passed: false, plan: null, acceptable: [] };
  expect((await shown('plan', { state: 'done', result })).node.querySelector('.wb-Accept')).toBeNull();
});
