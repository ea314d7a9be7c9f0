metadata name = 'Roles elsewhere'
metadata description = 'Our role assignments on every resource that exists in another group. Only roles.bicep calls this module.'

import { elsewhereConfig, placeOf } from '../existing.bicep'

@description('Required. What exists in other groups.')
param elsewhere elsewhereConfig
@description('Required. Who gets which role on what.')
param assignments { principal: int, key: string, type: string, role: string, roleId: string, on: string, *: string }[]
@description('Required. Principal ids; an assignment names one by its index.')
param principalIds string[]

var targets = concat(
  empty(elsewhere.workspace) ? [] : [{ on: 'workspace', id: elsewhere.workspace }],
  empty(elsewhere.vault) ? [] : [{ on: 'vault', id: elsewhere.vault }],
  map(elsewhere.models, id => { on: 'models', id: id })
)

module roles 'existing-roles.bicep' = [
  for target in targets: if (!empty(filter(assignments, a => a.on == target.on))) {
    scope: resourceGroup(placeOf(target.id).subscriptionId, placeOf(target.id).group)
    params: {
      on: any(target.on)
      resourceId: target.id
      assignments: filter(assignments, a => a.on == target.on)
      principalIds: principalIds
      held: elsewhere.held
      mark: elsewhere.mark
    }
  }
]
