metadata name = 'Lifecycle of the books'
metadata description = 'Moves blobs that are seldom read to a cooler tier, and deletes those past their retention.'

import { retentionSettings } from '../types.bicep'

@description('Required. Storage account.')
param accountName string
@description('Required. Retention periods.')
param retention retentionSettings

// Everything but closed periods, whose versions are never deleted.
var superseded = ['ledger/', 'marks/', 'quarantine/', 'dead-letter/', 'alert-dead-letter/', 'reports/', 'settled/', 'cost-exports/']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName
}

resource policy 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'ledger' // append blobs cannot be tiered, only deleted
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['appendBlob'], prefixMatch: ['ledger/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retention.ledger } } }
          }
        }
        {
          name: 'rejected-events'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: ['quarantine/', 'dead-letter/', 'alert-dead-letter/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retention.rejectedEvents } } }
          }
        }
        {
          name: 'cost-exports'
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['cost-exports/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retention.costExports } } }
          }
        }
        {
          name: 'abandoned-work' // of runs that died while they published a large month
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['reports/work/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 1 } } }
          }
        }
        {
          name: 'closed-periods' // only tiered: they, and the settled days, are kept as `retention` in books.yaml says
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['closed/'] }
            actions: {
              baseBlob: { tierToCool: { daysAfterModificationGreaterThan: 90 } }
              version: { tierToCool: { daysAfterCreationGreaterThan: 30 } }
            }
          }
        }
        {
          name: 'superseded-versions'
          type: 'Lifecycle'
          definition: {
            // With versioning on, what is deleted stays as a version: without this rule the ledger would be kept for ever.
            filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: superseded }
            actions: { version: { delete: { daysAfterCreationGreaterThan: retention.softDelete } } }
          }
        }
      ]
    }
  }
}
