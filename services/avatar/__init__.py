"""A look and speech in, face frames out: what the playout's clock draws the host with.

`looks` reads a look's folder, `bake` prepares it off the clock, `mouth` turns visemes into mouth
shapes, `motion` says how the host holds herself at a frame, `lips` and `eyes` draw the small
moving patches, `warp` moves the head as one, and `face` puts a frame on the canvas.
"""
