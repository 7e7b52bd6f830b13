"""What speaks: back-ends behind one protocol, of which espeak needs no weights."""
