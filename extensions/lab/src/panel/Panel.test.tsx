// @vitest-environment jsdom

import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { act } from 'react';
import { createRoot } from 'react-dom/client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Commands } from '../actions/names';
import type { Changed, ProjectInfo, ViewAnswer } from '../api/answers';
import { Client, Refusal } from '../api/client';
import { Format } from '../format';
import { Model } from '../model';
import { ServicesProvider } from '../services';
import { anAnswer, aProject, aView } from '../testing';
import { Panel } from './Panel';

/** A server that answers what a test says, and lets it tell of changes. */
class Server {
  project: ProjectInfo | null = aProject();
  views = [
    aView('carrier_delay', { state: 'differs', why: '3 values differ' }, ['delay_mean_7d:minute']),
    aView('origin_weather', {}, ['wind_mean:m/s'])
  ];
  page: Partial<ViewAnswer> = {};
  fails = false;
  asked: (kernel: string) => void = () => undefined;
  tell: (changed: Changed[]) => void = () => undefined;

  client(): Client {
    const client = Object.create(Client.prototype) as Client;
    const server = this;
    const answers: Partial<Client> = {
      projects: async () => ({ project: server.project, others: [{ id: 'p2', name: 'shop', path: 'shop' }], problem: null }),
      branches: async () => ['main', 'exp/carry-over'],
      features: async () => {
        if (server.fails) {
          throw new Refusal({ type: 'x', title: 'git is locked', status: 409, detail: '', remedy: 'Wait for it.' });
        }
        return { branch: 'exp/carry-over', views: server.views, total: server.views.flatMap(view => view.features).length };
      },
      runs: async () => ({ runs: [], problem: null }),
      view: async (_place, name) => ({ ...anAnswer(name), ...server.page }),
      catalog: async () => ({ views: [], problems: [] }),
      chooseBranch: async ({ name, kernel }) => {
        server.asked(kernel);
        return (server.project = aProject({ branch: name }));
      },
      async *changes(_project: string, signal: AbortSignal) {
        while (!signal.aborted) {
          yield await new Promise<Changed[]>(resolve => (server.tell = resolve));
        }
      }
    };
    return Object.assign(client, answers);
  }
}

let server: Server;
let node: HTMLElement;
let model: Model;
let commands: CommandRegistry;

beforeEach(() => {
  server = new Server();
  node = document.body.appendChild(document.createElement('div'));
});

afterEach(() => {
  model.dispose();
  node.remove();
});

async function show(): Promise<void> {
  const client = server.client();
  model = new Model(client);
  commands = new CommandRegistry();
  const services = { model, client, commands, trans: nullTranslator.load(''), format: new Format('en') };
  await act(async () => {
    createRoot(node).render(
      <ServicesProvider value={services}>
        <Panel />
      </ServicesProvider>
    );
    await model.follow({ path: 'delays/a.ipynb', kernel: 'k1' });
  });
}

const rows = () => [...node.querySelectorAll('[role=treeitem]')].map(row => row.textContent);

test('the project, its branch and the views of it are shown', async () => {
  await show();
  expect(node.querySelector('h1')?.textContent).toBe('delays');
  expect(node.querySelector('select')?.value).toBe('exp/carry-over');
  expect(rows()).toHaveLength(4);
  expect(rows()[0]).toContain('differs from main');
});

test('what another process changed appears by itself', async () => {
  await show();
  server.views = [...server.views, aView('late_rate', { state: 'failing' }, ['rate'])];
  await act(async () => server.tell(['features']));
  await vi.waitFor(() => expect(rows()).toHaveLength(6));
});

test('a branch that the kernel chose is followed', async () => {
  await show();
  server.project = aProject({ branch: 'main' });
  await act(async () => server.tell(['branches']));
  await vi.waitFor(() => expect(node.querySelector('select')?.value).toBe('main'));
});

test('the project that the kernel went to is followed, and one that was chosen stays until it moves', async () => {
  await show();
  const title = () => node.querySelector('h1')?.textContent;
  server.project = aProject({ id: 'p2', name: 'shop' });
  await act(() => model.followKernel());
  expect(title()).toBe('shop');
  server.project = aProject({ id: 'p3', name: 'chosen' });
  await act(() => model.locate('chosen'));
  server.project = aProject({ id: 'p2', name: 'shop' });
  await act(() => model.followKernel());
  expect(title()).toBe('chosen');
  server.project = aProject();
  await act(() => model.followKernel());
  expect(title()).toBe('delays');
});

test('without a project the panel says how to make one, and lists the others', async () => {
  server.project = null;
  await show();
  expect(node.textContent).toContain('No project here');
  expect(node.textContent).toContain('shop');
  const created = vi.fn();
  commands.addCommand(Commands.createProject, { execute: created });
  await act(async () => (node.querySelector('.jp-mod-accept') as HTMLElement).click());
  expect(created).toHaveBeenCalledOnce();
});

test('an error says what is wrong and what to do, and what was there before stays', async () => {
  await show();
  server.fails = true;
  await act(async () => server.tell(['features']));
  await vi.waitFor(() => expect(node.querySelector('[role=alert]')?.textContent).toContain('Wait for it.'));
  expect(rows()).toHaveLength(4);
});

test('of 2,000 features the page holds those in sight', async () => {
  server.views = Array.from({ length: 400 }, (_, view) =>
    aView(`view_${view}`, {}, Array.from({ length: 5 }, (_, feature) => `feature_${feature}`))
  );
  await show();
  expect(node.textContent).toContain('2,000');
  expect(rows().length).toBeGreaterThan(10);
  expect(node.querySelectorAll('*').length).toBeLessThan(500);
});

test('arrow keys walk the tree, fold and open', async () => {
  await show();
  const tree = node.querySelector('[role=tree]') as HTMLElement;
  const key = (name: string) => act(async () => void tree.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true })));
  const active = () => document.getElementById(tree.getAttribute('aria-activedescendant') ?? '')?.textContent;
  await key('ArrowDown');
  expect(active()).toContain('delay_mean_7d');
  await key('ArrowLeft');
  await key('ArrowLeft');
  expect(rows()).toHaveLength(3);
  await key('o');
  expect(active()).toContain('origin_weather');
  await key('Enter');
  expect(model.state.selection?.view).toBe('origin_weather');
  const details = node.querySelector('.wb-Details') as HTMLElement;
  await act(async () => void details.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true })));
  expect(document.activeElement).toBe(tree);
});

test('a view is made from what is not itself, each named once', async () => {
  server.page = {
    lineage: {
      nodes: ['source:events', 'view:spend', 'version:spend@1.0', 'run:r1'].map(id => {
        const [kind, label] = id.split(':');
        return { id, kind, label };
      }),
      edges: [
        ['source:events', 'view:spend'],
        ['source:events', 'version:spend@1.0'],
        ['view:spend', 'version:spend@1.0'],
        ['view:spend', 'run:r1']
      ]
    }
  };
  await show();
  await act(async () => model.select({ view: 'spend', version: null }));
  const items = () => [...node.querySelectorAll('.wb-Lineage dd')].map(item => item.textContent);
  await vi.waitFor(() => expect(items()).toEqual(['events source', 'r1 run']));
});

test('a branch that is chosen while the kernel starts is the branch of its kernel', async () => {
  await show();
  await act(() => model.follow({ path: 'delays/b.ipynb', kernel: '' }));
  await act(() => model.chooseBranch('main'));
  const asked: string[] = [];
  server.project = aProject();
  server.asked = kernel => asked.push(kernel);
  await act(() => model.follow({ path: 'delays/b.ipynb', kernel: 'k2' }));
  expect(asked).toEqual(['k2']);
  expect(node.querySelector('select')?.value).toBe('main');
});

test('choosing a branch switches the notebook to it', async () => {
  await show();
  const select = node.querySelector('select') as HTMLSelectElement;
  await act(async () => {
    select.value = 'main';
    select.dispatchEvent(new Event('change', { bubbles: true }));
  });
  expect(model.state.project.value?.branch).toBe('main');
});
