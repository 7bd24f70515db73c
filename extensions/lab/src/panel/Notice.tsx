/** What is wrong or absent, and what to do about it. */

import type { ReactNode } from 'react';

import type { Problem } from '../api/answers';
import { useServices } from '../services';

export function ProblemNotice({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const { trans } = useServices();
  return (
    <div className="wb-Notice wb-Notice-problem" role="alert">
      <strong>{problem.title}</strong>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.remedy && <p>{problem.remedy}</p>}
      {onRetry && (
        <button className="jp-Button wb-Button" onClick={onRetry}>
          {trans.__('Try again')}
        </button>
      )}
    </div>
  );
}

export function EmptyNotice({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="wb-Notice" role="status">
      <strong>{title}</strong>
      {children}
    </div>
  );
}
