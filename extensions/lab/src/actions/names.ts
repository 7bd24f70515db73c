/** The ids of our commands. */

export const Commands = {
  openPanel: 'workbench:open-panel',
  refresh: 'workbench:refresh',
  createProject: 'workbench:create-project',
  newExperiment: 'workbench:new-experiment',
  newNotebook: 'workbench:new-experiment-notebook',
  switchBranch: 'workbench:switch-branch',
  insert: 'workbench:insert',
  check: 'workbench:check',
  diff: 'workbench:diff',
  drift: 'workbench:drift',
  promote: 'workbench:promote',
  rollback: 'workbench:rollback',
  lineage: 'workbench:lineage',
  openMlflow: 'workbench:open-mlflow',
  openFile: 'workbench:open-file'
} as const;
