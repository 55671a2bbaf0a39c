"""The Open Inference Protocol over HTTP: any model, any client of the protocol.

Source: https://github.com/kserve/open-inference-protocol and Triton's extensions of it,
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""
