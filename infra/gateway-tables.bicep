metadata name = 'Gateway tables'
metadata description = 'What the policies read, derived from config/company/*.yaml: short tables as named values, large ones as fragments. chargeback/adapters/config/gateway_tables.py derives the same for the local gateway; a test compares the two.'

import { accountConfig, gatewayConfig, geographyConfig, productConfig } from 'types.bicep'

@description('The id of the geography that a region belongs to.')
func geographyOf(region string, geographies geographyConfig[]) string =>
  filter(geographies, g => contains(g.regions, region))[0].id

@export()
@description('`region=geography`, gateway regions first.')
func regionsTable(gateways gatewayConfig[], accounts accountConfig[], geographies geographyConfig[]) string =>
  join(map(union(map(gateways, g => g.region), map(accounts, a => a.region)), r => '${r}=${geographyOf(r, geographies)}'), ';')

@export()
@description('`country=geography`, or - for none.')
func countriesTable(geographies geographyConfig[]) string =>
  orNone(join(flatten(map(geographies, g => map(g.?countries ?? [], c => '${c}=${g.id}'))), ';'))

@export()
@description('`geography=where its calls may fail over to`, in order.')
func geographiesTable(geographies geographyConfig[]) string =>
  join(map(geographies, g => '${g.id}=${orNone(join(g.failover, ','))}'), ';')

@export()
@description('The deployments whose model does not reason, and therefore rejects a request for encrypted reasoning; - for none.')
func plainDeployments(deployments array) string =>
  orNone(join(sort(union(map(filter(deployments, d => isPlain(d.?model ?? '')), d => d.name), []), (a, b) => a < b), ','))

func isPlain(model string) bool => startsWith(model, 'gpt-3') || startsWith(model, 'gpt-4') || contains(model, '-chat')

@export()
@description('The generated fragments: a table of records `;key:field=value|field=value;` in each, or a part of one.')
func tableFragments(products productConfig[], accounts accountConfig[], geographies geographyConfig[], deploymentSets object) { name: string, value: string }[] =>
  concat(
    fragmentsOf('products', map(products, p => productRecord(p)), 4),
    fragmentsOf('accounts', accountRecords(accounts, geographies, deploymentSets), 1),
    fragmentsOf('deployments', deploymentRecords(accounts, deploymentSets), 3)
  )

func fragmentsOf(table string, records string[], parts int) { name: string, value: string }[] =>
  map(range(0, parts), i => {
    name: 'table-${table}-${i + 1}'
    value: '<fragment><set-variable name="${table}${i + 1}" value=";${join(map(part(records, i, parts), r => '${r};'), '')}" /></fragment>'
  })

@description('Part `i` of records that are spread evenly over so many parts, in their order.')
func part(records string[], i int, parts int) string[] =>
  take(skip(records, i * partSize(length(records), parts)), partSize(length(records), parts))

func partSize(count int, parts int) int => (count + parts - 1) / parts

func productRecord(product productConfig) string =>
  record(product.id, [
    'residency=${product.?residency ?? '-'}'
    'localGatewayOnly=${flag(product.?localGatewayOnly ?? false)}'
    'exactStreams=${flag(product.exactStreams)}'
    'injectStreamUsage=${flag(product.injectStreamUsage)}'
    'requestsPerMinute=${product.requestsPerMinute}'
    'tokensPerMinute=${product.tokensPerMinute}'
    'withoutBudget=${product.?withoutBudget ?? 'allow'}'
    'withoutBudgetModels=${namedOnly(product.?withoutBudgetModels)}'
    'objectOwner=${product.?objectOwner ?? 'subscription'}'
    'streamedResponses=${product.?streamedResponses ?? 'open'}'
    'operations=${listed(product.?operations)}'
    'models=${listed(product.?models)}'
    'tools=${listed(product.?tools ?? defaultTools(product.?residency))}'
    'aliases=${aliasTexts(product.?aliases)}'
  ])

func record(key string, fields string[]) string => '${key}:${join(fields, '|')}'

func listed(names string[]?) string => names == null ? '*' : orNone(join(names ?? [], ','))

func namedOnly(names string[]?) string => orNone(join(names ?? [], ','))

@description('All tools, or with a residency what stays in the account.')
func defaultTools(residency string?) string[]? =>
  residency == null
    ? null
    : ['function', 'custom', 'file_search', 'code_interpreter', 'computer', 'computer_use', 'image_generation', 'local_shell', 'shell', 'apply_patch']

func aliasTexts(aliases object?) string => orNone(join(map(items(aliases ?? {}), a => aliasText(a.key, a.value)), ','))

func aliasText(name string, places object) string => '${name}~${join(map(items(places), p => '${p.key}/${p.value}'), '+')}'

func accountRecords(accounts accountConfig[], geographies geographyConfig[], deploymentSets object) string[] =>
  map(range(0, length(accounts)), i => record(string(i), [
    'name=${accounts[i].account}'
    'geography=${geographyOf(accounts[i].region, geographies)}'
    'priority=${accounts[i].priority}'
    'weight=${accounts[i].weight}'
    'batch=${orNone(join(batchTypes(deploymentSets[accounts[i].deployments]), ','))}'
  ]))

func batchTypes(deployments array) string[] =>
  sort(union(map(filter(deployments, d => contains(d.type, 'Batch')), d => d.type), []), (a, b) => a < b)

@description('`name:type=account numbers|…`: where each deployment is, by what it is there; first its model, where its name does not say it.')
func deploymentRecords(accounts accountConfig[], deploymentSets object) string[] =>
  map(items(groupBy(flatten(map(range(0, length(accounts)), i => map(deploymentSets[accounts[i].deployments], d => { name: d.name, model: toLower(d.?model ?? d.name), type: d.type, account: string(i) }))), d => d.name)), each =>
    record(each.key, concat(otherName(each.key, each.value[0].model), map(items(groupBy(each.value, d => d.type)), kind => '${kind.key}=${join(map(kind.value, d => d.account), ',')}'))))

func otherName(deployment string, model string) string[] => model == toLower(deployment) ? [] : ['model=${model}']

func flag(value bool) string => value ? '1' : '0'

func orNone(text string) string => empty(text) ? '-' : text
