from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from modelrepo.model_config import build_config
from trainer.digits.manifest import DigitManifest


def test_the_config_has_the_networks_tensors_and_their_warm_up(manifest: DigitManifest) -> None:
    config = text_format.Parse(build_config("mnist_cnn", 1, manifest), pb.ModelConfig())
    (pixels,) = config.input
    (answer,) = config.output
    assert (pixels.name, pixels.data_type, list(pixels.dims)) == ("INPUT__0", pb.TYPE_UINT8, [1, 28, 28])
    assert (answer.name, answer.data_type, list(answer.dims)) == ("OUTPUT__0", pb.TYPE_FP32, [10])
    assert [warm_up.batch_size for warm_up in config.model_warmup] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert all(list(warm_up.inputs["INPUT__0"].dims) == [1, 28, 28] for warm_up in config.model_warmup)
