/** Tabs that arrow keys walk through. */

import { type KeyboardEvent, type ReactNode, useId, useRef } from 'react';

interface Tab {
  name: string;
  title: string;
  count?: string;
}

export function Tabs(props: {
  label: string;
  tabs: Tab[];
  current: string;
  onChange: (name: string) => void;
  children: ReactNode;
}) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const at = props.tabs.findIndex(tab => tab.name === props.current);

  function walk(event: KeyboardEvent): void {
    const steps: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: props.tabs.length - 1
    };
    if (event.key in steps) {
      event.preventDefault();
      const next = (steps[event.key] + props.tabs.length) % props.tabs.length;
      props.onChange(props.tabs[next].name);
      (list.current?.children[next] as HTMLElement | undefined)?.focus();
    }
  }

  return (
    <>
      <div className="wb-Tabs" role="tablist" aria-label={props.label} ref={list} onKeyDown={walk}>
        {props.tabs.map(tab => (
          <button
            key={tab.name}
            role="tab"
            id={`${id}-${tab.name}`}
            aria-selected={tab.name === props.current}
            aria-controls={`${id}-panel`}
            tabIndex={tab.name === props.current ? 0 : -1}
            onClick={() => props.onChange(tab.name)}
          >
            {tab.title}
            {tab.count && <span className="wb-Count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div className="wb-TabPanel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${props.current}`}>
        {props.children}
      </div>
    </>
  );
}
