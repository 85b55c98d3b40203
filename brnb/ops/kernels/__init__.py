"""The operations of `brnb.ops` for a GPU, in Triton and Gluon: nothing else imports them."""
