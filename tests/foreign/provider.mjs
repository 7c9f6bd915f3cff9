// A certified OpenID provider (oidc-provider) for tests/integration/test_signon_foreign.py: one client, one invented citizen; and a machine,
// for bench/sso.py.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const from = createRequire(process.env.MODULES + '/');
const { default: Provider } = await import(pathToFileURL(from.resolve('oidc-provider')));
const claims = { sub: 'cong-dan-1', TechID: 'T-9', LoaiTaiKhoan: '1', HoVaTen: 'Bùi Thị Chuẩn', SoDinhDanh: '001192000077', NgayThangNamSinh: '19920707' };

const provider = new Provider(process.env.ISSUER, {
  clients: [{
    client_id: 'lienthong',
    client_secret: 'bi-mat-cua-cong',
    redirect_uris: [process.env.REDIRECT],
    post_logout_redirect_uris: [process.env.LOGGED_OUT],
  }, {
    client_id: 'may',
    client_secret: 'bi-mat-cua-may',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }],
  features: { clientCredentials: { enabled: true }, introspection: { enabled: true } },
  claims: { openid: Object.keys(claims) },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ ...claims, sub: id }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
  pkce: { required: () => true, methods: ['S256'] },
  cookies: { keys: ['thu'] },
});
provider.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('ready'));
