"""The comparisons of chapter 18, each drawn from two configurations of the package."""

from typing import TYPE_CHECKING

from brnb.architectures.known import known_architecture
from brnb.chapters.architecture_diagram import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fig_draw_gemma_mistral(lang: str) -> "Figure":
    """The lecture's: local and global layers against full ones, at nearly the same size."""
    return drawing(known_architecture("gemma3_27b"), lang, known_architecture("mistral_small_31"))


def fig_draw_llama_qwen(lang: str) -> "Figure":
    """The lecture's: a wide small model and a deep one."""
    return drawing(known_architecture("llama32_1b"), lang, known_architecture("qwen3_06b"))


def fig_draw_dense_sparse(lang: str) -> "Figure":
    """The lecture's "with MoE" and "without": a large model of each kind."""
    return drawing(known_architecture("llama31_405b"), lang, known_architecture("deepseek_v3"))


def fig_draw_gpt_oss(lang: str) -> "Figure":
    """The lecture's: one recipe in two sizes."""
    return drawing(known_architecture("gpt_oss_20b"), lang, known_architecture("gpt_oss_120b"))


def fig_draw_norms(lang: str) -> "Figure":
    """The lecture's pre-norm, and OLMo's norm after each part but inside the branch."""
    return drawing(known_architecture("llama31_8b"), lang, known_architecture("olmo2_7b"))


def fig_draw_newest(lang: str) -> "Figure":
    """Two of 2026: states instead of caches, and latent attention in a small sparse model."""
    return drawing(
        known_architecture("qwen35_35b_a3b"), lang, known_architecture("mistral_small_4")
    )
