// Parses and binds queries with Microsoft's own language service, against tables whose columns are given.
// Reads {"tables": {name: "(column: type, …)"}, "queries": {name: text}} from standard input; writes the faults as JSON.
'use strict';

const path = require('node:path');
const { readFileSync } = require('node:fs');

const folder = path.dirname(require.resolve('@kusto/language-service-next/package.json'));
require(path.join(folder, 'bridge.min.js'));
require(path.join(folder, 'Kusto.Language.Bridge.min.js'));
const { GlobalState, KustoCode, Symbols } = globalThis.Kusto.Language;

/** The items of one of the library's own lists. */
function* items(list) {
  for (let i = 0; i < list.Count; i++) yield list.getItem(i);
}

const { tables, queries } = JSON.parse(readFileSync(0, 'utf8'));
const symbols = Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, columns, null));
const database = new Symbols.DatabaseSymbol.$ctor1('workspace', symbols);
const globals = GlobalState.Default.WithDatabase(database);

const faults = [];
for (const [query, text] of Object.entries(queries)) {
  for (const fault of items(KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics())) {
    const before = text.slice(0, fault.Start).split('\n');
    faults.push({ query, line: before.length, column: before.at(-1).length + 1, message: fault.Message });
  }
}
process.stdout.write(JSON.stringify(faults));
