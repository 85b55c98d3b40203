"""Track 2: continued pre-training (CPT) and supervised fine-tuning (SFT) by QLoRA.

How a training goes, as chapters 12 and 13 call it::

    splits = data.documents(corpus, params)             # or data.pairs(params)
    model, tokenizer = load_base(base, params, device, budget.processes_for)
    model = lora.adapt(model, params, start)            # start: folder of a saved adapter, or None
    train = chat.from_texts(tokenizer, splits.train)    # or chat.from_pairs(…, seq_len)
    packs = packing.pack(train, params.seq_len, params.seed)
    history = loop.finetune(model, packs, held_out, params, folder, identity)
    merge.save_adapter(model, folder)

``BRNB_PROCESSES=2`` shares each step among two GPUs. Each has the whole base, in NF4 or not; of a
base with which no step fits into one GPU, each keeps a part (`brnb.bases.shards`).
"""
