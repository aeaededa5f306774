// Starts the Unleash that lies beside this file, with the settings of a JSON
// file: databaseUrl, host, port.
const { readFileSync } = require('node:fs');
const { start } = require('unleash-server');

const { databaseUrl, host, port } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
start({
  databaseUrl,
  db: { ssl: false },
  server: { host, port },
  versionCheck: { enable: false },
  telemetry: false,
  authentication: { type: 'none' },
}).catch((err) => {
  console.error(err);
  process.exit(1);
});
