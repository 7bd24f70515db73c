/** What the panel says where there is no project: how to make one, and which others there are. */

import { Commands } from '../actions/names';
import { useModel, useServices } from '../services';
import { EmptyNotice } from './Notice';

export function NoProject() {
  const { model, commands, trans } = useServices();
  const { others, project } = useModel();
  return (
    <>
      {!project.problem && (
        <EmptyNotice title={trans.__('No project here')}>
          <p>{trans.__('A project is a git repository with a workbench.toml. Open a notebook in one, or create one.')}</p>
          <button
            className="jp-Button jp-mod-styled jp-mod-accept"
            onClick={() => void commands.execute(Commands.createProject)}
          >
            {trans.__('Create a project…')}
          </button>
        </EmptyNotice>
      )}
      {others.length > 0 && (
        <section className="wb-Section">
          <h2>{trans.__('Projects on this server')}</h2>
          <ul className="wb-List">
            {others.map(other => (
              <li key={other.id}>
                <button className="jp-Button wb-Button" onClick={() => void model.locate(other.path ?? '')}>
                  {other.name}
                  <span className="wb-Dim"> {other.path}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
