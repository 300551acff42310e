"""Makes the files in this folder: small volumes and images, and what nibabel and Pillow read from them.

    python make_fixtures.py        (needs numpy, nibabel, pillow)

expected.json: for each file its shape (columns, rows, slices, frames), affine and values as float32 in stored order;
for a list of affines their axis codes (nibabel.aff2axcodes).
"""
import gzip, io, json, os, struct, zlib
import nibabel as nib, numpy as np
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))
for old in os.listdir('.'):
    if not old.endswith('.py'):
        os.remove(old)
expected, refused, codes = {}, {}, []
TYPES = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float32', 'float64']


def rotation(x, y, z):
    cx, cy, cz = np.cos([x, y, z])
    sx, sy, sz = np.sin([x, y, z])
    return (np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
            @ np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]]))


OBLIQUE = nib.affines.from_matvec(rotation(0.2, -0.35, 0.5) @ np.diag([-0.9, 1.1, 2.5]), [12.5, -40.25, 7])
ROTATED = nib.affines.from_matvec(rotation(0.4, 0.1, -0.2) @ np.diag([0.7, 0.7, -3.0]), [1, 2, 3])
SHEARED = nib.affines.from_matvec([[1, 0.2, 0], [0, 1.5, 0.4], [0, 0, 2]], [-5, 6, 7])


def values(dtype, shape):
    """Numbers that use the type's range, as far as float32 holds them exactly."""
    n = int(np.prod(shape))
    if dtype.startswith('float'):
        return ((np.arange(n) - n / 2) * 0.375).astype(dtype).reshape(shape, order='F')
    info = np.iinfo(dtype)
    span = min(int(info.max), 2 ** 20)
    v = (np.arange(n, dtype=np.int64) * 37) % span
    v[-1] = span
    if info.min < 0:
        v[::3] = -v[::3]
    return v.astype(dtype).reshape(shape, order='F')


def save(name, data, version=1, order='<', slope=1.0, inter=0.0, sform=None, qform=None, codes=(1, 1), pair=False,
         edit=None, extension=b'', record=True):
    cls = {(1, False): nib.nifti1.Nifti1Header, (1, True): nib.nifti1.Nifti1PairHeader,
           (2, False): nib.nifti2.Nifti2Header, (2, True): nib.nifti2.Nifti2PairHeader}[version, pair]
    h = cls(endianness=order)
    h.set_data_dtype(data.dtype.newbyteorder(order))
    h.set_data_shape(data.shape)
    h.set_xyzt_units(2, 8)
    if qform is not None:
        h.set_qform(qform, codes[1], strip_shears=True)
    if sform is not None:
        h.set_sform(sform, codes[0])
        if qform is None:
            h['pixdim'][1:4] = nib.affines.voxel_sizes(sform)
    h['scl_slope'], h['scl_inter'] = slope, inter
    h['descrip'] = b'CANARY descrip'
    h['aux_file'] = b'CANARY aux'
    h['intent_name'] = b'CANARY intent'
    if version == 1:
        h['db_name'] = b'CANARY db'
    size = h.sizeof_hdr
    h['vox_offset'] = 0 if pair else size + 4 + len(extension)
    if edit:
        edit(h)
    head = h.binaryblock + (b'\1\0\0\0' if extension else b'\0\0\0\0') + extension
    body = data.astype(data.dtype.newbyteorder(order)).tobytes(order='F')
    packed = (lambda b: gzip.compress(b, 9, mtime=0)) if name.endswith('.gz') else (lambda b: b)
    if pair:
        open(name, 'wb').write(packed(head))
        open(name.replace('.hdr', '.img'), 'wb').write(packed(body))
    else:
        open(name, 'wb').write(packed(head + body))
    if record:
        image = nib.load(name)
        read = np.asarray(image.get_fdata(dtype=np.float64)).astype(np.float32)
        note(name, read, image.affine)


def note(name, read, affine):
    shape = (list(read.shape) + [1] * 4)[:4]
    expected[name] = dict(shape=shape, affine=np.asarray(affine)[:3].tolist(),
                          values=[float(v) for v in read.ravel(order='F')])


SHAPE = (3, 4, 2)
for version in (1, 2):
    for dtype in TYPES:
        for order, tag in (('<', 'le'), ('>', 'be')):
            save(f'v{version}_{dtype}_{tag}.nii', values(dtype, SHAPE), version, order, slope=0.5, inter=-3,
                 sform=OBLIQUE, qform=OBLIQUE)
    for dtype in ('int16', 'float32'):
        for order, tag in (('<', 'le'), ('>', 'be')):
            for ending in ('.hdr', '.hdr.gz', '.nii.gz'):
                save(f'v{version}_{dtype}_{tag}_packed{ending}' if ending == '.nii.gz' else
                     f'v{version}_{dtype}_{tag}_pair{ending}', values(dtype, SHAPE), version, order, slope=2, inter=1,
                     sform=OBLIQUE, qform=OBLIQUE, pair='hdr' in ending)

small = values('int16', SHAPE)
for version in (1, 2):
    v = f'v{version}'
    save(f'{v}_sform_only.nii', small, version, sform=OBLIQUE)
    save(f'{v}_qform_only.nii', small, version, qform=ROTATED)
    save(f'{v}_qform_only_be.nii', small, version, '>', qform=OBLIQUE)
    save(f'{v}_sheared.nii', small, version, sform=SHEARED)
    save(f'{v}_disagree.nii', small, version, sform=OBLIQUE, qform=ROTATED, codes=(2, 1))
    save(f'{v}_4d.nii', values('int16', (3, 2, 2, 4)), version, sform=OBLIQUE)
    save(f'{v}_2d.nii', values('int16', (5, 3)), version, sform=OBLIQUE)
    save(f'{v}_7d.nii', values('int16', (3, 2, 2, 2, 1, 1, 1)), version, sform=OBLIQUE)
    save(f'{v}_one_voxel.nii', values('int16', (1, 1, 1)), version, sform=OBLIQUE)
    save(f'{v}_slope_zero.nii', small, version, slope=0, inter=5, sform=OBLIQUE)
    save(f'{v}_slope_nan.nii', small, version, slope=np.nan, inter=np.nan, sform=OBLIQUE)
    save(f'{v}_slope_negative.nii', small, version, slope=-0.25, inter=100, sform=OBLIQUE)
    size = 32
    save(f'{v}_extension.nii', small, version, sform=OBLIQUE,
         extension=struct.pack('<ii', size, 6) + b'CANARY ext'.ljust(size - 8, b'\0'))

# Refused kinds.
rgb = np.zeros(SHAPE, dtype=[('R', 'u1'), ('G', 'u1'), ('B', 'u1')])
for name, array in (('rgb', rgb), ('complex64', np.zeros(SHAPE, 'c8')), ('complex128', np.zeros(SHAPE, 'c16'))):
    save(f'refused_{name}.nii', array, sform=OBLIQUE, record=False)


def as_float128(h):
    h['datatype'], h['bitpix'] = 1536, 128


save('refused_float128.nii', np.zeros((3, 4, 16), 'i2'), sform=OBLIQUE, edit=as_float128, record=False)
save('refused_5d.nii', values('int16', (2, 2, 2, 1, 3)), sform=OBLIQUE, record=False)
save('refused_1d.nii', values('int16', (7,)), sform=OBLIQUE, record=False)

# PNG: Pillow where it can; odd depths, interlacing and metadata chunks by hand.
gradient = (np.arange(7 * 5).reshape(5, 7) * 1871) % 65536


def png(name, width, height, depth, colour, raw, interlace=0, extra=b'', before=b''):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    head = struct.pack('>IIBBBBB', width, height, depth, colour, 0, 0, interlace)
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + before + chunk(b'IDAT', zlib.compress(raw, 9))
                           + extra + chunk(b'IEND', b''))


def rows(samples, depth):
    out = b''
    for row in samples:
        bits = ''.join(format(int(v), f'0{depth}b') for v in row)
        bits += '0' * (-len(bits) % 8)
        out += b'\0' + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))
    return out


def adam7(samples, depth):
    out = b''
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        part = samples[y0::dy, x0::dx]
        if part.size:
            out += rows(part, depth)
    return out


def note_png(name, samples):
    expected[name] = dict(shape=[samples.shape[1], samples.shape[0], 1, 1], affine=np.eye(4)[:3].tolist(),
                          values=[float(v) for v in samples.ravel()])


for depth in (1, 2, 4, 8, 16):
    samples = gradient % (1 << depth)
    for interlace in (0, 1):
        name = f'grey{depth}{"_interlaced" if interlace else ""}.png'
        png(name, 7, 5, depth, 0, (adam7 if interlace else rows)(samples, depth), interlace)
        note_png(name, samples * (255 // ((1 << depth) - 1)) if depth < 8 else samples)
        if depth == 8:
            assert (np.asarray(Image.open(name)) == samples).all()
        if depth == 16:
            assert (np.asarray(Image.open(name)).astype(int) == samples).all()
Image.fromarray((gradient % 256).astype('u1')).save('grey8_text.png', pnginfo=None, dpi=(300, 300))
note_png('grey8_text.png', gradient % 256)
Image.fromarray((gradient % 256).astype('u1')).save('grey8_animated.png', save_all=True, append_images=[
    Image.fromarray((gradient.T.reshape(5, 7) % 256).astype('u1'))])
note_png('grey8_animated.png', gradient % 256)
colour = np.stack([gradient % 256, gradient // 7 % 256, gradient // 3 % 256], -1).astype('u1')
Image.fromarray(colour).save('colour_rgb.png')
note_png('colour_rgb.png', np.floor(colour @ np.array([0.299, 0.587, 0.114]) + 0.5))
Image.fromarray(np.concatenate([colour, colour[..., :1]], -1)).save('colour_rgba.png')
Image.fromarray(colour).quantize(16).save('colour_palette.png')
Image.fromarray(np.stack([gradient % 256, gradient // 9 % 256], -1).astype('u1'), 'LA').save('colour_grey_alpha.png')

rng = np.random.default_rng(7)
for _ in range(24):
    signs = np.diag(rng.choice([-1, 1], 3))
    permutation = np.eye(3)[rng.permutation(3)]
    m = rotation(*rng.uniform(-0.5, 0.5, 3)) @ permutation @ signs @ np.diag(rng.uniform(0.5, 3, 3))
    affine = nib.affines.from_matvec(m, rng.uniform(-50, 50, 3))
    codes.append(dict(affine=affine[:3].tolist(), code=''.join(nib.aff2axcodes(affine))))

json.dump(dict(files=expected, codes=codes), open('expected.json', 'w'), indent=None, separators=(',', ':'))
