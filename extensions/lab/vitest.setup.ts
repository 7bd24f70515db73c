/** What Lab's packages and React need of a browser and jsdom has not. */

Object.assign(globalThis, {
  IS_REACT_ACT_ENVIRONMENT: true,
  DragEvent: class DragEvent extends Event {},
  matchMedia: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined })
});
