/** A tree of two levels that draws the rows in sight alone, walked by arrow keys and letters. */

import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';

import { tops, visible } from './windowing';

export interface TreeRow {
  key: string;
  /** 1 for a view, 2 for what is in it. */
  level: 1 | 2;
  label: string;
  height: number;
  isOpen?: boolean;
  position: number;
  of: number;
  draw: () => ReactNode;
}

const MARGIN = 200;

export function Tree(props: {
  label: string;
  rows: TreeRow[];
  onOpen: (row: TreeRow, isOpen: boolean) => void;
  onChoose: (row: TreeRow) => void;
  onDouble?: (row: TreeRow) => void;
}) {
  const { rows } = props;
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(600);
  const [active, setActive] = useState('');
  const at = Math.max(0, rows.findIndex(row => row.key === active));
  const places = useMemo(() => tops(rows.map(row => row.height)), [rows]);
  const [first, end] = visible(places, scroll, height, MARGIN);
  const drawn = new Set(rows.slice(first, end).map((_, index) => first + index));
  if (rows.length > 0) {
    drawn.add(at);
  }

  useLayoutEffect(() => {
    const node = box.current;
    if (!node || typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(() => setHeight(node.clientHeight));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const most = Math.max(0, places[places.length - 1] - height);
    if (box.current && box.current.scrollTop > most) {
      box.current.scrollTop = most;
    }
  }, [places, height]);

  function go(index: number): void {
    const node = box.current;
    const row = rows[index];
    if (!node || !row) {
      return;
    }
    setActive(row.key);
    if (places[index] < node.scrollTop) {
      node.scrollTop = places[index];
    } else if (places[index + 1] > node.scrollTop + node.clientHeight) {
      node.scrollTop = places[index + 1] - node.clientHeight;
    }
  }

  function walk(event: KeyboardEvent): void {
    const row = rows[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const page = Math.max(1, Math.floor(height / row.height) - 1);
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: Math.min(rows.length - 1, at + page),
      PageUp: Math.max(0, at - page),
      Home: 0,
      End: rows.length - 1
    };
    if (event.key in steps) {
      go(steps[event.key]);
    } else if (event.key === 'Enter' || event.key === ' ') {
      props.onChoose(row);
    } else if (event.key === 'ArrowRight' && row.level === 1) {
      if (row.isOpen) {
        go(at + 1);
      } else {
        props.onOpen(row, true);
      }
    } else if (event.key === 'ArrowLeft') {
      if (row.level === 1) {
        props.onOpen(row, false);
      } else {
        go(rows.findLastIndex((other, index) => index < at && other.level === 1));
      }
    } else if (event.key.length === 1) {
      const letter = event.key.toLowerCase();
      const order = rows.map((_, step) => (at + 1 + step) % rows.length);
      const next = order.find(index => rows[index].label.toLowerCase().startsWith(letter));
      if (next !== undefined) {
        go(next);
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div
      className="wb-Tree"
      role="tree"
      aria-label={props.label}
      aria-activedescendant={rows.length > 0 ? `${id}-${at}` : undefined}
      tabIndex={0}
      ref={box}
      onScroll={event => setScroll(event.currentTarget.scrollTop)}
      onKeyDown={walk}
    >
      <div role="presentation" style={{ height: places[places.length - 1], position: 'relative' }}>
        {[...drawn]
          .sort((one, other) => one - other)
          .map(index => (
            <div
              key={rows[index].key}
              id={`${id}-${index}`}
              role="treeitem"
              aria-level={rows[index].level}
              aria-posinset={rows[index].position}
              aria-setsize={rows[index].of}
              aria-expanded={rows[index].level === 1 ? rows[index].isOpen : undefined}
              aria-selected={index === at}
              className={`wb-TreeRow wb-TreeRow-${rows[index].level}`}
              style={{ top: places[index], height: rows[index].height }}
              onClick={event => {
                setActive(rows[index].key);
                if ((event.target as Element).closest('.wb-Twisty')) {
                  props.onOpen(rows[index], !rows[index].isOpen);
                } else {
                  props.onChoose(rows[index]);
                }
              }}
              onDoubleClick={() => props.onDouble?.(rows[index])}
            >
              {rows[index].draw()}
            </div>
          ))}
      </div>
    </div>
  );
}
