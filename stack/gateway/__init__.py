"""The local gateway: executes the policy documents of `apim-policies/` as API Management would."""
