"""What chapter 13 says of the GGUF that llama.cpp's converter makes, or does not."""

from brnb.chapters.tuning_words import say_gguf
from brnb.finetune.merge import CONVERTER


def test_a_chapter_goes_on_without_the_converter(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    file = tmp_path / "model.gguf"
    said = say_gguf(tmp_path, file, "pt")
    assert said.startswith("Sem GGUF: o convert_hf_to_gguf.py não está instalado")
    assert "git clone https://github.com/ggml-org/llama.cpp" in said
    assert "is not installed" in say_gguf(tmp_path, file, "en")
    script = tmp_path / CONVERTER
    script.write_text("raise SystemExit('unknown architecture')")
    assert say_gguf(tmp_path, file, "pt").endswith("diz: unknown architecture")
    script.write_text("import sys; open(sys.argv[3], 'wb').truncate(3 * 2**19)")
    assert say_gguf(tmp_path, file, "pt") == "O GGUF está em model.gguf: 1,5 MiB."
