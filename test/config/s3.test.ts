import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readConfigurationFile } from '../../config/file.ts';
import type { StorageDriverChoice } from '../../config/storage.ts';
import { lengthsOf, MIB, type S3Settings } from '../../storage-drivers/s3/settings.ts';
import { loadText, loadVariables, problemsOf } from './load-text.ts';

type S3Choice = Extract<StorageDriverChoice, { name: 's3' }>;

const BUCKET = 'bucket: b, region: eu-central-1';

/** The choice for settings of `storage.s3`. */
function s3Of(settings: string, environment: Record<string, string> = {}): S3Choice {
  return onlyS3(loadText(`storage: { s3: { ${settings} } }`, environment).configuration.storage.driver);
}

function onlyS3(driver: StorageDriverChoice): S3Choice {
  if (driver.name !== 's3') throw new assert.AssertionError({ message: `the driver is ${driver.name}` });
  return driver;
}

function s3Problems(settings: string): readonly string[] {
  return problemsOf(`storage: { s3: { ${settings} } }`);
}

describe('the settings of S3', () => {
  test('have the defaults of the image', () => {
    assert.deepEqual(s3Of(BUCKET), {
      name: 's3',
      bucket: 'b',
      region: 'eu-central-1',
      forcepathstyle: false,
      secure: true,
      skipverify: false,
      encrypt: false,
      storageclass: 'STANDARD',
      objectacl: 'private',
      chunksize: 10 * MIB,
      multipartcopychunksize: 32 * MIB,
      multipartcopymaxconcurrency: 100,
      usedualstack: false,
      accelerate: false,
      usefipsendpoint: false,
    });
  });

  test('are all read', () => {
    const settings = `bucket: b, region: r, regionendpoint: "http://minio:9000/", redirectendpoint: s3.example.com,
      forcepathstyle: no, accesskey: "0123", secretkey: yes, rootdirectory: /some/where, secure: false,
      skipverify: true, v4auth: true, encrypt: true, keyid: k, storageclass: none, objectacl: Public-Read,
      chunksize: "5242880", multipartcopychunksize: 5_242_880, multipartcopymaxconcurrency: 7,
      multipartcopythresholdsize: 5368709120, useragent: berth at home, loglevel: debug, usedualstack: false`;
    assert.deepEqual(s3Of(settings.replaceAll('\n', ' ')), {
      name: 's3',
      bucket: 'b',
      region: 'r',
      regionendpoint: 'http://minio:9000',
      redirectendpoint: 's3.example.com',
      forcepathstyle: false,
      accesskey: '0123',
      secretkey: 'yes',
      rootdirectory: '/some/where',
      secure: false,
      skipverify: true,
      encrypt: true,
      keyid: 'k',
      storageclass: 'NONE',
      objectacl: 'public-read',
      chunksize: 5 * MIB,
      multipartcopychunksize: 5 * MIB,
      multipartcopymaxconcurrency: 7,
      multipartcopythresholdsize: 5 * 1024 * MIB,
      useragent: 'berth at home',
      usedualstack: false,
      accelerate: false,
      usefipsendpoint: false,
    });
  });

  test('are what the driver takes', () => {
    const amazon: S3Settings = s3Of(BUCKET);
    assert.deepEqual(lengthsOf(amazon), {
      part: 10 * MIB,
      copiedPart: 32 * MIB,
      copiedWhole: 32 * MIB,
      copiesAtOnce: 100,
    });
    const other: S3Settings = s3Of('bucket: b, regionendpoint: "minio:9000"');
    assert.equal(lengthsOf(other).copiedWhole, 5 * 1024 * MIB);
  });

  test('may stand under s3aws', () => {
    const { configuration, warnings } = loadText(`storage: { s3aws: { ${BUCKET}, loglevel: off } }`);
    assert.deepEqual(configuration.storage.driver, s3Of(BUCKET));
    assert.deepEqual(warnings, []);
  });

  test('in default.yaml, taken out of their comment, are the defaults', async () => {
    const path = fileURLToPath(new URL('../../config/default.yaml', import.meta.url));
    const { text } = await readConfigurationFile(path);
    const block = /^ {2}# s3:\n((?: {2}# {3}.*\n)+)/m.exec(text)?.[0].replace(/^ {2}# /gm, '  ') ?? '';
    const filled = block.replace('bucket:\n', 'bucket: b\n').replace('region:\n', 'region: eu-central-1\n');
    const { configuration, warnings } = loadText(`storage:\n${filled}`);
    assert.deepEqual(configuration.storage.driver, s3Of(BUCKET));
    assert.deepEqual(warnings, []);
  });
});

describe('the rules of S3', () => {
  test('the bucket and the region are missed, together', () => {
    const missing = [
      'storage.s3.bucket (config.yml:2): is missing; it must be the name of a bucket',
      'storage.s3.region (config.yml:2): is missing; it must be a region such as eu-central-1, or regionendpoint must be given',
    ];
    for (const settings of ['storage: s3', 'storage: { s3: }', 'storage: { s3: { bucket: "" } }'])
      assert.deepEqual(problemsOf(settings), missing);
  });

  test('a region of Amazon has the form of one, another may be called anything or nothing', () => {
    for (const region of ['us-east-1', 'us-gov-west-1', 'ap-southeast-5', 'us-isob-east-1', 'eusc-de-east-1'])
      assert.equal(s3Of(`bucket: b, region: ${region}`).region, region);
    for (const region of ['r', 'eu-central', 'EU-CENTRAL-1', 'https://s3.amazonaws.com', 'default'])
      assert.match(s3Problems(`bucket: b, region: "${region}"`).join(), /^storage\.s3\.region .*of Amazon/);
    assert.equal(s3Of('bucket: b, region: default, regionendpoint: "http://a:1"').region, 'default');
    assert.equal(s3Of('bucket: b, regionendpoint: "http://a:1"').region, undefined);
  });

  test('with regionendpoint the bucket is in the path, unless forcepathstyle says otherwise', () => {
    const other = 'bucket: b, regionendpoint: "http://a:1"';
    assert.equal(s3Of(other).forcepathstyle, true);
    assert.equal(s3Of(`${other}, forcepathstyle: false`).forcepathstyle, false);
    assert.equal(s3Of(`${BUCKET}, forcepathstyle: true`).forcepathstyle, true);
  });

  test('one of accesskey and secretkey alone is a problem', () => {
    const text = 'is missing; accesskey and secretkey are given together or not at all';
    assert.deepEqual(s3Problems(`${BUCKET}, accesskey: a`), [`storage.s3.secretkey (config.yml:2): ${text}`]);
    assert.deepEqual(s3Problems(`${BUCKET}, secretkey: a`), [`storage.s3.accesskey (config.yml:2): ${text}`]);
    assert.equal(s3Of(`${BUCKET}, accesskey: "", secretkey: ""`).accesskey, undefined);
  });

  test('signatures of version 2 are not offered', () => {
    for (const no of ['false', 'no', '"off"'])
      assert.match(s3Problems(`${BUCKET}, v4auth: ${no}`).join(), /^storage\.s3\.v4auth .*must be true/);
  });

  test('lengths are bytes within the bounds of S3', () => {
    for (const setting of [
      'chunksize: 5242879',
      'chunksize: 10MB',
      'chunksize: 5368709121',
      'multipartcopychunksize: 1',
      'multipartcopythresholdsize: -1',
      'multipartcopythresholdsize: 5368709121',
      'multipartcopymaxconcurrency: 0',
    ]) {
      assert.equal(s3Problems(`${BUCKET}, ${setting}`).length, 1, setting);
    }
    assert.equal(s3Of(`${BUCKET}, multipartcopythresholdsize: 0`).multipartcopythresholdsize, 0);
  });

  test('a storage class and an ACL are of the lists of the image, in whatever case', () => {
    for (const word of ['STANDARD_IA', 'intelligent_tiering', 'NONE'])
      assert.equal(s3Of(`${BUCKET}, storageclass: ${word}`).storageclass, word.toUpperCase());
    assert.match(
      s3Problems(`${BUCKET}, storageclass: DEEP_ARCHIVE`).join(),
      /must be one of NONE, STANDARD,/,
    );
    assert.match(s3Problems(`${BUCKET}, objectacl: everybody`).join(), /must be one of private,/);
  });

  test('an endpoint is a URL or host and port', () => {
    const endpoints = {
      'http://127.0.0.1:9000': 'http://127.0.0.1:9000',
      'HTTPS://s3.example.com/': 'https://s3.example.com',
      'https://example.com/storage/v1/s3': 'https://example.com/storage/v1/s3',
      'minio:9000': 'minio:9000',
      's3.example.com/': 's3.example.com',
      '[::1]:9000': '[::1]:9000',
    };
    for (const [written, read] of Object.entries(endpoints))
      assert.equal(s3Of(`bucket: b, regionendpoint: "${written}"`).regionendpoint, read);
    for (const written of [
      'ftp://a',
      'https://',
      'a b',
      'https://u:p@a',
      'u:p@a',
      'https://a?x=y',
      'a:b',
      '/a',
    ])
      assert.deepEqual(s3Problems(`bucket: b, regionendpoint: "${written}"`), [
        'storage.s3.regionendpoint (config.yml:2): must be an http or https URL or host:port, without user, query and fragment',
      ]);
  });

  test('an endpoint for redirects has no path, since the image takes none', () => {
    assert.equal(
      s3Of(`${BUCKET}, redirectendpoint: "https://a.example/"`).redirectendpoint,
      'https://a.example',
    );
    for (const written of ['https://a.example/b', 'a.example/b', 'https://a.example?b', 'ftp://a'])
      assert.equal(s3Problems(`${BUCKET}, redirectendpoint: "${written}"`).length, 1, written);
  });

  test('what only Amazon has is refused for other stores, and what Amazon does not combine everywhere', () => {
    for (const key of ['usedualstack', 'accelerate', 'usefipsendpoint']) {
      assert.equal(s3Of(`${BUCKET}, ${key}: true`).name, 's3');
      assert.deepEqual(s3Problems(`bucket: b, regionendpoint: "a:1", ${key}: true`), [
        `storage.s3.${key} (config.yml:2): must be false with regionendpoint: it is for Amazon alone`,
      ]);
    }
    for (const key of ['forcepathstyle', 'usefipsendpoint'])
      assert.match(s3Problems(`${BUCKET}, accelerate: true, ${key}: true`).join(), new RegExp(`with ${key}`));
  });

  test('a user agent fits into a header', () => {
    assert.equal(s3Problems(`${BUCKET}, useragent: "a\\nb"`).length, 1);
  });

  test('a KMS key without encrypt is a warning', () => {
    const { warnings } = loadText(`storage: { s3aws: { ${BUCKET}, keyid: k } }`);
    assert.deepEqual(warnings, [
      'storage.s3aws.keyid (config.yml:2): without effect, since storage.s3aws.encrypt is not true',
    ]);
    assert.deepEqual(loadText(`storage: { s3: { ${BUCKET}, keyid: k, encrypt: true } }`).warnings, []);
  });

  test('all problems come at once, those of the whole beside those of the parts', () => {
    const problems = problemsOf(
      'storage:\n  s3: { chunksize: 1, secretkey: s, regionendpoint: "ftp://a" }\n  inmemory:\nlog: { level: x }',
    );
    assert.deepEqual(problems.map((problem) => problem.replace(/ .*/, '')).sort(), [
      'log.level',
      'storage',
      'storage.s3.accesskey',
      'storage.s3.bucket',
      'storage.s3.chunksize',
      'storage.s3.regionendpoint',
    ]);
  });
});

describe('S3 beside other drivers', () => {
  test('two drivers in one file are a problem, the two names of S3 too', () => {
    for (const [file, names] of [
      [`filesystem: , s3: { ${BUCKET} }`, 'two drivers, filesystem and s3'],
      [`s3: { ${BUCKET} }, s3aws: { ${BUCKET} }`, 'two drivers, s3 and s3aws'],
      ['filesystem: , s3: , inmemory:', '3 drivers, filesystem and s3 and inmemory'],
    ])
      assert.ok(
        problemsOf(`storage: { ${file} }`).includes(
          `storage (config.yml:2): names ${names}; exactly one is possible`,
        ),
      );
  });

  test('variables alone choose it', () => {
    const driver = onlyS3(
      loadVariables({
        REGISTRY_STORAGE: 's3',
        REGISTRY_STORAGE_S3_BUCKET: 'b',
        REGISTRY_STORAGE_S3_REGION: 'eu-central-1',
        REGISTRY_STORAGE_S3_ACCESSKEY: '0123',
        REGISTRY_STORAGE_S3_SECRETKEY: 'a: b',
        REGISTRY_STORAGE_S3_ENCRYPT: '"true"',
        REGISTRY_STORAGE_S3_MULTIPARTCOPYTHRESHOLDSIZE: '33554432',
        REGISTRY_STORAGE_S3_ROOTDIRECTORY: '/a',
      }).configuration.storage.driver,
    );
    assert.equal(driver.accesskey, '0123');
    assert.equal(driver.secretkey, 'a: b');
    assert.equal(driver.encrypt, true);
    assert.equal(driver.multipartcopythresholdsize, 32 * MIB);
    assert.equal(driver.rootdirectory, '/a');
  });

  test('a whole section may be given in a variable', () => {
    for (const variables of [
      { REGISTRY_STORAGE: `{s3: {${BUCKET}}}` },
      { REGISTRY_STORAGE_S3: `{${BUCKET}}` },
      { REGISTRY_STORAGE_S3AWS: `{${BUCKET}}` },
    ])
      assert.deepEqual(loadVariables(variables).configuration.storage.driver, s3Of(BUCKET));
  });

  test('variables replace the directory of the file, and say so', () => {
    const { configuration, warnings } = loadText(
      'storage: { filesystem: { rootdirectory: /data }, delete: { enabled: true } }',
      { REGISTRY_STORAGE_S3_BUCKET: 'b', REGISTRY_STORAGE_S3_REGION: 'eu-central-1' },
    );
    assert.deepEqual(configuration.storage.driver, s3Of(BUCKET));
    assert.equal(configuration.storage.delete.enabled, true);
    assert.deepEqual(warnings, [
      'storage.filesystem (config.yml:2): replaced by the storage driver s3, which REGISTRY_STORAGE_S3_BUCKET names',
    ]);
  });

  test('a variable adds to the section of the file, whichever of its two names either uses', () => {
    for (const inFile of ['s3', 's3aws']) {
      for (const inVariable of ['S3', 'S3AWS']) {
        const { configuration, warnings } = loadText(`storage: { ${inFile}: { ${BUCKET}, accesskey: a } }`, {
          [`REGISTRY_STORAGE_${inVariable}_SECRETKEY`]: 'b',
        });
        assert.deepEqual(
          configuration.storage.driver,
          s3Of(`${BUCKET}, accesskey: a, secretkey: b`),
          `${inFile} ${inVariable}`,
        );
        assert.deepEqual(warnings, []);
      }
    }
  });

  test('a problem of a variable names the variable', () => {
    assert.deepEqual(problemsOf(`storage: { s3: { ${BUCKET} } }`, { REGISTRY_STORAGE_S3_CHUNKSIZE: '1' }), [
      'storage.s3.chunksize (REGISTRY_STORAGE_S3_CHUNKSIZE): must be a number of bytes from 5242880 to 5368709120',
    ]);
  });
});
