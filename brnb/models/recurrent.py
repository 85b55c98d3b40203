"""Recurrent language models (thesis 3.2.1): an embedding, a stack of LSTM or GRU, a projection."""

from typing import Literal

from torch import Tensor, nn

from brnb.ops.loss import fused_cross_entropy

State = tuple[Tensor, ...]


class RecurrentLM(nn.Module):
    """A recurrent language model, h_t = RNN(E[x_t], h_{t-1}), logits_t = W h_t + b.

    Parameters
    ----------
    vocab_size
        Number of tokens V.
    hidden_size, layers
        Width H and depth of the recurrence.
    embedding_size
        Width of the token embedding.
    cell
        ``"lstm"`` (Hochreiter & Schmidhuber, 1997) or ``"gru"`` (Cho et al., 2014).
    dropout
        Share of units dropped on the embedding, between layers and before the projection.
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        layers: int,
        embedding_size: int,
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.arguments = {
            "vocab_size": vocab_size,
            "hidden_size": hidden_size,
            "layers": layers,
            "embedding_size": embedding_size,
            "cell": cell,
            "dropout": dropout,
        }
        self.embedding = nn.Embedding(vocab_size, embedding_size)
        network = nn.LSTM if cell == "lstm" else nn.GRU
        between = dropout if layers > 1 else 0.0
        self.rnn = network(embedding_size, hidden_size, layers, batch_first=True, dropout=between)
        # nn.Dropout(0) still draws a mask for every unit: a third of the time of a small LSTM.
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.head = nn.Linear(hidden_size, vocab_size)
        # The embedding keeps its default N(0, 1): with the Transformers' 0.02 the second layer sees
        # next to nothing, and two or three layers stay at the loss of token frequencies.
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        if cell == "lstm":  # remember by default: a forget-gate bias of 1 (Jozefowicz et al., 2015)
            for name, bias in self.rnn.named_parameters():
                if name.startswith("bias_ih"):
                    nn.init.ones_(bias.data[hidden_size : 2 * hidden_size])

    def forward(
        self, ids: Tensor, state: State | None = None, targets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Logits of the next token, or their mean cross-entropy.

        Parameters
        ----------
        ids
            Token ids, shape (B, T).
        state
            Hidden state of the previous window, as returned; zeros if None.
        targets
            What came after each, shape (B, T), for the loss instead of the logits.

        Returns
        -------
        logits or loss, state
            Logits of shape (B, T, V), or the loss in nats per token, 0-dim; the state after the
            last token, one (layers, B, H) tensor for a GRU, two (hidden and cell) for an LSTM.
        """
        y, new = self.hidden(ids, state)
        if targets is not None:
            return fused_cross_entropy(y, self.head.weight, targets, bias=self.head.bias), new
        return self.head(y), new

    def hidden(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """What the head reads (B, T, H), and the state after the last token."""
        x = self.dropout(self.embedding(ids))
        lstm = isinstance(self.rnn, nn.LSTM)
        packed = None if state is None else (state if lstm else state[0])
        # Under autocast PyTorch has cuDNN compute in fp16, also where bf16 is asked for.
        y, new = self.rnn(x, packed)
        return self.dropout(y), tuple(new) if lstm else (new,)
