metadata name = 'Existing resources'
metadata description = 'Where a resource that a company has already is, and what each part of a configuration refers to.'

import { accountConfig, gatewayConfig, serviceConfig } from 'types.bicep'
import { idIn } from 'private-targets.bicep'

@export()
@description('What exists in other groups and gets roles of ours: ids, the assignments that are there already (role|key|id), and the mark of ours.')
type elsewhereConfig = { workspace: string, vault: string, models: string[], held: string[], mark: string }

@export()
@description('What exists elsewhere, of a deployment; the mark names its environment.')
func elsewhereOf(workspace string, vault string, accounts accountConfig[], held string, environmentName string) elsewhereConfig => {
  workspace: workspace
  vault: vault
  models: map(filter(accounts, a => a.?resourceId != null), a => a.?resourceId ?? '')
  held: filter(split(held, ','), item => !empty(item))
  mark: '[chargeback:${environmentName}]'
}

@export()
@description('The place that an id names.')
func placeOf(id string) { subscriptionId: string, group: string, name: string } => {
  subscriptionId: split(id, '/')[2]
  group: split(id, '/')[4]
  name: last(split(id, '/'))
}

@export()
@description('The id of an account, known before it exists; the token makes the name of a new one unique.')
func accountId(account accountConfig, group string, token string) string =>
  account.?resourceId ?? idIn(group, 'Microsoft.CognitiveServices/accounts', '${account.account}-${token}')

@export()
@description('The base address of an account. One that exists is configured by the first label of its host.')
func accountEndpoint(account accountConfig, token string) string =>
  'https://${account.account}${account.?resourceId == null ? '-${token}' : ''}.openai.azure.com'

@export()
@description('The services of the gateway, the one of the primary region first: one that spans all regions or one in each, and those that exist.')
func servicesOf(gateways gatewayConfig[], name string, spanning bool) serviceConfig[] =>
  union(
    filter(allServices(gateways, name, spanning), s => contains(s.places, 0)),
    allServices(gateways, name, spanning)
  )

func allServices(gateways gatewayConfig[], name string, spanning bool) serviceConfig[] =>
  concat(
    spanning && !empty(newPlaces(gateways))
      ? [{ name: name, places: newPlaces(gateways), resourceId: '', tier: '' }]
      : map(newPlaces(gateways), i => { name: i == 0 ? name : '${name}-${gateways[i].region}', places: [i], resourceId: '', tier: '' }),
    map(existingServices(gateways), id => {
      name: placeOf(id).name
      places: filter(range(0, length(gateways)), i => (gateways[i].?resourceId ?? '') == id)
      resourceId: id
      tier: filter(gateways, g => (g.?resourceId ?? '') == id)[0].?tier ?? ''
    })
  )

func newPlaces(gateways gatewayConfig[]) int[] => filter(range(0, length(gateways)), i => gateways[i].?resourceId == null)

func existingServices(gateways gatewayConfig[]) string[] => union(map(filter(gateways, g => g.?resourceId != null), g => g.?resourceId ?? ''), [])
