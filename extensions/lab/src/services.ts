/** What the components share: the model, the client, commands, and the reader's language. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

import type { Problem, ViewAnswer } from './api/answers';
import { type Client, problemOf } from './api/client';
import type { Format } from './format';
import type { Model, Part, State } from './model';

export interface Services {
  model: Model;
  client: Client;
  commands: CommandRegistry;
  trans: TranslationBundle;
  format: Format;
}

const LOADING = { value: null, problem: null, isLoading: true };

const Context = createContext<Services | null>(null);

export const ServicesProvider = Context.Provider;

export function useServices(): Services {
  const services = useContext(Context);
  if (!services) {
    throw new Error('a component outside of ServicesProvider');
  }
  return services;
}

/** The state of the model; the component is drawn again when it changes. */
export function useModel(): State {
  const { model } = useServices();
  return useSyncExternalStore(
    listener => {
      model.changed.connect(listener);
      return () => void model.changed.disconnect(listener);
    },
    () => model.state
  );
}

/** Load a view; what was loaded before stays while the same view is loaded anew, because something changed. */
export function useView(view: string, version: string | null): Part<ViewAnswer> {
  const { model, client } = useServices();
  const { revision } = useModel();
  const { place } = model;
  const subject = `${place?.project}|${place?.branch}|${view}|${version}`;
  const [part, setPart] = useState<Part<ViewAnswer> & { subject: string }>({ ...LOADING, subject });
  useEffect(() => {
    let isWanted = true;
    const settle = (value: ViewAnswer | null, problem: Problem | null) => {
      if (isWanted) {
        setPart(last => ({
          value: value ?? (last.subject === subject ? last.value : null),
          problem,
          isLoading: false,
          subject
        }));
      }
    };
    client.view(place ?? { project: '' }, view, version).then(
      value => settle(value, null),
      error => settle(null, problemOf(error))
    );
    return () => {
      isWanted = false;
    };
  }, [subject, revision]);
  return part.subject === subject ? part : LOADING;
}
