metadata name = 'Custom roles everywhere'
metadata description = 'Our role definitions in this group, and those that accounts of other groups need in theirs: a role can be given only where it is defined.'

import { elsewhereConfig, placeOf } from '../existing.bicep'

@description('Required. What exists in other groups.')
param elsewhere elsewhereConfig

var places = union(map(elsewhere.models, id => { subscriptionId: placeOf(id).subscriptionId, group: toLower(placeOf(id).group) }), [])

module here 'custom-roles.bicep' = {}

module there 'custom-roles.bicep' = [
  for place in places: {
    scope: resourceGroup(place.subscriptionId, place.group)
    params: { only: ['Chargeback Gateway Jobs'], mark: elsewhere.mark }
  }
]
