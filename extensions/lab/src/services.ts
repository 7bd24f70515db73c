/** What the components share: the model, the client, commands, and the reader's language. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';

import type { Problem } from './api/answers';
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

/** Load a value when `key` changes; what was loaded before stays while the same thing is loaded anew. */
export function useLoaded<T>(subject: string, revision: number, load: () => Promise<T>): Part<T> {
  const [part, setPart] = useState<Part<T> & { subject: string }>({ value: null, problem: null, isLoading: true, subject });
  useEffect(() => {
    let isWanted = true;
    const settle = (value: T | null, problem: Problem | null) => {
      if (isWanted) {
        setPart(last => ({
          value: value ?? (last.subject === subject ? last.value : null),
          problem,
          isLoading: false,
          subject
        }));
      }
    };
    load().then(
      value => settle(value, null),
      error => settle(null, problemOf(error))
    );
    return () => {
      isWanted = false;
    };
  }, [subject, revision]);
  return part.subject === subject ? part : { value: null, problem: null, isLoading: true };
}
