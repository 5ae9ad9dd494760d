// `berth key ...`: the keys that the registry signs its tokens with, as far as it made them itself.
import type { KeyState } from '../auth/tokens/signing-keys.ts';
import { type AccountCommand, RefusedError } from './account-command.ts';
import { shownTime } from './account-lists.ts';

/** A digest in base64url (RFC 7638). */
const KEY_ID = /^[A-Za-z0-9_-]{43}$/;

const STATES: Readonly<Record<KeyState, string>> = {
  waits: 'is to sign',
  signs: 'signs',
  verifies: 'verifies what it has signed',
  past: 'of no use any more',
};

export const keyCommands: { readonly [verb: string]: AccountCommand } = {
  list: {
    usage: '',
    names: 0,
    async run({ keys, print }) {
      for (const { kid, algorithm, signsFrom, state } of await (await keys()).all()) {
        print([kid, algorithm, `from ${shownTime(signsFrom.toISOString())}`, STATES[state]].join('\t'));
      }
    },
  },

  rotate: {
    usage: '',
    names: 0,
    async run({ keys, print, tell }) {
      const { kid, signsFrom } = await (await keys()).rotate();
      tell(`a new key signs from ${shownTime(signsFrom.toISOString())} on; logins go on working`);
      print(kid);
    },
  },

  remove: {
    usage: '<key>',
    names: 1,
    // One in 64 begins with a dash.
    isName: (word) => KEY_ID.test(word),
    async run({ keys, tell }, [kid = '']) {
      const stored = await keys();
      const known = await stored.all();
      if (!known.some((key) => key.kid === kid)) throw new RefusedError('there is no such key');
      await stored.remove(kid);
      tell('the key is gone; within half a minute no server believes a token that it has signed');
    },
  },
};
