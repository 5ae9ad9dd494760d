// One caller of each kind, and rules to judge them by.
import assert from 'node:assert/strict';
import { nearest } from '../../../config/nearest.ts';
import { ANONYMOUS, type Caller } from '../../../src/auth/caller.ts';
import {
  type Policy,
  PolicyError,
  type PolicyOptions,
  parsePolicy,
} from '../../../src/auth/policy/policy.ts';
import { plainYaml } from './plain-yaml.ts';

export const anonymous = ANONYMOUS;

export function account(name: string, ...groups: string[]): Caller {
  return { kind: 'account', name, groups };
}

export function robot(name: string, limits?: Caller['limits']): Caller {
  return { kind: 'robot', name, groups: [], ...(limits && { limits }) };
}

export function certificate(name: string, claims: NonNullable<Caller['claims']> = {}): Caller {
  return { kind: 'certificate', name, groups: [], claims };
}

export function federated(issuer: string, claims: NonNullable<Caller['claims']>, name = 'sub'): Caller {
  return { kind: 'federated', name, groups: [], issuer, claims };
}

/** A job of GitHub Actions, as its token describes it. */
export function githubJob(repository: string, ref: string): Caller {
  const [owner = ''] = repository.split('/');
  return federated('github', {
    sub: `repo:${repository}:ref:${ref}`,
    repository,
    repository_owner: owner,
    ref,
    run_attempt: '1',
  });
}

/** The policy of a text in YAML, which has to be right. */
export function policyOf(yaml: string, options: PolicyOptions = {}): Policy {
  const policy = parsePolicy(plainYaml(yaml), options);
  assert.ok(!(policy instanceof PolicyError), policy instanceof PolicyError ? policy.message : '');
  return policy;
}

/** The problems of a text in YAML, each as `path: text`. */
export function problemsOf(yaml: string, options: PolicyOptions = {}): readonly string[] {
  const policy = parsePolicy(plainYaml(yaml), { nearest, ...options });
  assert.ok(policy instanceof PolicyError, 'nothing is wrong');
  return policy.problems.map(({ path, text }) => `${path}: ${text}`);
}
