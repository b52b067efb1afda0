"""A stack's net: made anew, to plain arrays, and from them."""

import numpy as np
import torch
from skorch.history import History

from ..stack._adamw import StackedAdamW
from ..stack._mlp import StackedMLP
from ._net import MixupNet


def new_net(device, cls=MixupNet, **params):
    """Return an initialized net of perceptrons, whose biases do not decay.

    Parameters
    ----------
    device : str
    cls : type, default=MixupNet
    **params
        Of the net; `module__seeds` among them.

    Returns
    -------
    net : MixupNet
    """
    net = cls(
        StackedMLP,
        optimizer=StackedAdamW,
        optimizer__param_groups=[("*.bias", {"weight_decay": 0.0})],
        random_state=params["module__seeds"][0],
        device=device,
        **params,
    )
    return net.initialize()


def net_to_arrays(net):
    """Return the state of a trained net as NumPy arrays and plain values."""
    optimizer = net.optimizer_.state_dict()["state"]
    return {
        "device": str(net.device),
        "weights": {k: v.cpu().numpy() for k, v in net.module_.state_dict().items()},
        "optimizer": {
            str(i): {k: v.cpu().numpy() for k, v in slots.items()}
            for i, slots in optimizer.items()
        },
        "history": list(net.history),
        "n_outputs": net.n_outputs_,
    }


@torch.inference_mode(False)  # of tensors made in it none could be trained on
def arrays_to_net(arrays, net):
    """Put the state that `net_to_arrays` returned into a new net."""

    def tensor(array):
        return torch.as_tensor(np.array(array), device="cpu")

    net.module_.load_state_dict({k: tensor(v) for k, v in arrays["weights"].items()})
    state = net.optimizer_.state_dict()
    state["state"] = {
        int(i): {k: tensor(v) for k, v in slots.items()}
        for i, slots in arrays["optimizer"].items()
    }
    net.optimizer_.load_state_dict(state)
    net.history = History(arrays["history"])
    net.n_outputs_ = arrays["n_outputs"]
    net.callbacks_ = []
