"""The policies, executed: every test sends real HTTP through the XML in apim-policies/."""
