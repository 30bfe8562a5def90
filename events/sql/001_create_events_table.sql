-- --- Names ---------------------------------------------------------------------------------------
-- What a text that people read may hold, and when two names are one: the same as events/format/names.py,
-- whatever the locale. Tests compare the two character by character.

CREATE FUNCTION unseen_characters() RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\x01-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f'
        '\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff'
        '\U00013430-\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a'
        '\U000e0000-\U000e0fff]';

-- A text on one line, without blanks at its ends: an event type.
CREATE FUNCTION is_text(text TEXT, most INTEGER) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN char_length(text) >= 1 AND char_length(text) <= most AND text !~ unseen_characters() AND text = btrim(text, ' ');

-- The same in form NFC: a reason.
CREATE FUNCTION is_reason(text TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN is_text(text, 2000) AND text IS NFC NORMALIZED;

-- The same with one blank at a time: the name of a person or an agent.
CREATE FUNCTION is_name(text TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN is_text(text, 200) AND text IS NFC NORMALIZED AND strpos(text, '  ') = 0;

-- Two names with one fold are one person's: NFKD, then lower and upper case letter by letter.
CREATE FUNCTION name_fold(name TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(translate(normalize(name, NFKD),
        'abcdefghijklmnopqrstuvwxyzæðøþđħıłŋœŧƀƃƅƈƌƒƕƙƚƞƣƥƨƭƴƶƹƽƿǝǥȝȣ'
        'ȥȼȿɀɂɇɉɋɍɏɐɑɒɓɔɖɗəɛɜɠɡɣɥɦɨɩɪɫɬɯɱɲɵɽʀʂʃʇʈʉʊʋʌʒʝʞͅͱͳͷͻͼͽαβγδεζ'
        'ηθικλμνξοπρςστυφχψωϗϙϛϝϟϡϣϥϧϩϫϭϯϳϸϻабвгдежзиклмнопрстуфхцчшщ'
        'ъыьэюяђєѕіјљњћџѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӄӆ'
        'ӈӊӌӎӏӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշ'
        'ոչպջռսվտրցւփքօֆაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾ'
        'ჿᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈᵹᵽᶎỻỽỿⅎↄⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓ'
        'ⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡⱥⱦⱨⱪⱬⱳⱶⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏ'
        'ⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭꙁꙃꙅꙇꙉꙋꙍ'
        'ꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟ'
        'ꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼꝿꞁꞃꞅꞇꞌꞑꞓꞔꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩꞵꞷꞹꞻꞽꞿꟁꟃꟈꟊꟑꟗꟙꟶꭓꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿ'
        'ꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻ'
        'ꮼꮽꮾꮿ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧'
        '𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄'
        '𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍'
        '𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫'
        '𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃',
        'ABCDEFGHIJKLMNOPQRSTUVWXYZÆÐØÞĐĦIŁŊŒŦɃƂƄƇƋƑǶƘȽȠƢƤƧƬƳƵƸƼǷƎǤȜȢ'
        'ȤȻⱾⱿɁɆɈɊɌɎⱯⱭⱰƁƆƉƊƏƐꞫƓꞬƔꞍꞪƗƖꞮⱢꞭƜⱮƝƟⱤƦꟅƩꞱƮɄƱƲɅƷꞲꞰΙͰͲͶϽϾϿΑΒΓΔΕΖ'
        'ΗΘΙΚΛΜΝΞΟΠΡΣΣΤΥΦΧΨΩϏϘϚϜϞϠϢϤϦϨϪϬϮͿϷϺАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩ'
        'ЪЫЬЭЮЯЂЄЅІЈЉЊЋЏѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӃӅ'
        'ӇӉӋӍӀӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇ'
        'ՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾ'
        'ᲿᏰᏱᏲᏳᏴᏵВДОСТТЪѢꙊꝽⱣꟆỺỼỾℲↃⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣ'
        'ⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠȺȾⱧⱩⱫⱲⱵⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎ'
        'ⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍꙀꙂꙄꙆꙈꙊꙌ'
        'ꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞ'
        'ꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝾꞀꞂꞄꞆꞋꞐꞒꟄꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞴꞶꞸꞺꞼꞾꟀꟂꟇꟉꟐꟖꟘꟵꞳᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯ'
        'ᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫ'
        'ᏬᏭᏮᏯ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿'
        '𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄'
        '𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭'
        '𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉'
        '𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡'),
    'ß', 'SS'), 'ẞ', 'SS');

-- Whether a type is one that only the ledger writes, or looks like one. Letters of other scripts are
-- what they look like; ASCII, as most types are, takes a shorter way.
CREATE FUNCTION latin_shape(text TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(text,
        'СсϹϲᴄᏟꮯꓚⲤⲥ𐌂𐐽🝌𑣲𑣩𐊢𐐕𐔜ЕеЄєҽΕᎬꬲ℮ⴹꓰⲈⲉᴇ⋿𑢦𑢮𐊆ꭼМмΜᎷꓟⲘⲙᴍϺϻᗰᛖ𐊰𐌑𑣣ꮇΝηпոռꓠⲚ'
        'ⲛɴ𐔓ОоΟοՕօᴏⲞⲟჿ0೦൦๐໐०০੦૦୦௦౦၀០ഠဝଠסه٥۵ꓳⵔ𐐄𐐬〇𑓐𑣠ዐ𐓂𑢵𐊒𐊫𐔖ంಂംංᴑꬽσ𐓪𑣈𑣗Ԛԛգ'
        'զⵕгᴦꭇꭈⲅꮁʀᎡꓣƦ𝈖Ꮢꮢꭱ𐒴ᖇ𖼵ЅѕꜱՏƽꓢᏚꮪ𐑈𐐠𑣁Ꮥꮥ𖼺𐊖ТтΤτᴛᎢꓔⲦⲧ⊤⟙🝨𖼊𑢼𐊗𐊱𐌕ꭲυսՍᴜꭎꭒሀꓴ'
        '⋃∪μ𐓎ᑌ𖽂𑢸ꞟʋ𐓶𑣘УуҮүΥγʏყꓬỿᎽɣⲨᶌꭚ𑣜Ꭹꭹꮍ𖽃𑢤𐊲。·‧∙⋅•ꓸ٠۰𐩐܁܂꘎𝅭・᛫⸱⸳॰․．｡˙ꞏᐧ𐄁𐤟'
        'ꓺ⡀⠄⦁⒞⒠⒨⒩⒪⒬⒭⒮⒯⒰⒴🄒🄔🄜🄝🄞🄠🄡🄢🄣🄤🄨🅒🅔🅜🅝🅞🅠🅡🅢🅣🅤🅨🅲🅴🅼🅽🅾🆀🆁🆂🆃🆄🆈🇨🇪🇲🇳🇴🇶🇷🇸🇹🇺🇾',
        'cccccccccccccccccceeeeeeeeeeeeeeeeeeemmmmmmmmmmmmmmmmnnnnnnn'
        'nnnooooooooooooooooooooooooooooooooooooooooooooooooooooooqqq'
        'qqrrrrrrrrrrrrrrrrrsssssssssssssssttttttttttttttttttuuuuuuuu'
        'uuuuuuuuuuuyyyyyyyyyyyyyyyyyyyyyy...........................'
        '....cemnoqrstuycemnoqrstuycemnoqrstuycemnoqrstuycemnoqrstuy');
-- In PL/pgSQL because a body in SQL would be written into the constraint, and the tables above with it: to
-- read those anew at each statement took longer than the append.
CREATE FUNCTION imitates_system(event_type TEXT) RETURNS BOOLEAN
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    is_ascii CONSTANT BOOLEAN := octet_length(event_type) = char_length(event_type);
    head TEXT := replace(event_type, ' ', '');
BEGIN
    IF is_ascii THEN
        head := upper(translate(left(head, 12), '0', 'o') COLLATE "C");
    ELSE
        head := public.latin_shape(normalize(public.latin_shape(head), NFKC));
        head := public.name_fold(regexp_replace(head,
            '[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]', '', 'g'));
    END IF;
    head := replace(replace(head, ' ', ''), 'RN', 'M');
    IF head !~ '^(CEREMONY|SYSTEM|SEQUENCE)\.' THEN
        RETURN false;
    END IF;
    -- The names that the portal writes, as they look: L, 1 and | are I.
    RETURN NOT is_ascii OR head ~ '^CEREMONY\.' OR replace(replace(
            translate(upper(replace(event_type, ' ', '') COLLATE "C"), '01L|', 'OIII'), 'RN', 'M'), 'VV', 'W') = ANY ('{
        SEQUENCE.GAP_DETECTED, SYSTEM.CHAIN_BROKEN, SYSTEM.FINDING_CIOSED, SYSTEM.FORK_DETECTED, SYSTEM.GUARDS_CHANGED,
        SYSTEM.GUARDS_RESTORED, SYSTEM.HAITED, SYSTEM.HEAD_MISMATCH, SYSTEM.IMPORT_FINISHED, SYSTEM.IMPORT_STARTED,
        SYSTEM.PERSON_REGISTERED, SYSTEM.ROIIBACK_DETECTED, SYSTEM.STRAY_ROW, SYSTEM.VERIFICATION_OVERDUE}');
END
$$;

-- FR6, FR7: the ledger. `sequence` alone decides the order; the two timestamps inform.
-- The first fourteen columns are the requirement's, in its types; the last three are the
-- format's: which key signed, and the salted hash by which the payload enters the chain.

CREATE TABLE events (
    event_id            UUID        PRIMARY KEY,
    sequence            BIGSERIAL   UNIQUE NOT NULL CHECK (sequence > 0),
    event_type          TEXT        NOT NULL
        CHECK (is_text(event_type, 200)),
    payload             JSONB       NOT NULL,
    prev_hash           TEXT        NOT NULL CHECK (prev_hash ~ '^[0-9a-f]{64}$'),
    content_hash        TEXT        NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    signature           TEXT        NOT NULL CHECK (signature ~ '^[A-Za-z0-9+/]{86}==$'),
    hash_alg_version    SMALLINT    NOT NULL DEFAULT 1 CHECK (hash_alg_version = 1),
    sig_alg_version     SMALLINT    NOT NULL DEFAULT 1 CHECK (sig_alg_version = 1),
    agent_id            TEXT
        CHECK (is_text(agent_id, 200)),
    witness_id          TEXT        NOT NULL CHECK (witness_id ~ '^WITNESS:.'),
    witness_signature   TEXT        NOT NULL CHECK (witness_signature ~ '^[A-Za-z0-9+/]{86}==$'),
    local_timestamp     TIMESTAMPTZ NOT NULL
        CHECK (local_timestamp >= '0001-01-01T00:00:00Z' AND local_timestamp < '10000-01-01T00:00:00Z'),
    authority_timestamp TIMESTAMPTZ NOT NULL DEFAULT now()
        CHECK (authority_timestamp >= '0001-01-01T00:00:00Z' AND authority_timestamp < '10000-01-01T00:00:00Z'),
    signing_key_id      TEXT        NOT NULL CHECK (signing_key_id <> ''),
    payload_hash        TEXT        NOT NULL CHECK (payload_hash ~ '^[0-9a-f]{64}$'),
    payload_salt        TEXT        NOT NULL CHECK (payload_salt ~ '^[0-9a-f]{64}$'),
    CONSTRAINT events_type_of_an_agent CHECK (agent_id IS NULL OR NOT imitates_system(event_type))
);

-- Filters keep sequence order, so each filtered column carries the sequence with it. The two
-- clocks follow the sequence but for drift: a block range index costs an append next to nothing,
-- and the multi-range kind is not blinded by one clock stuck in 1970.
CREATE INDEX events_agent_id_sequence ON events (agent_id, sequence);
CREATE INDEX events_event_type_sequence ON events (event_type, sequence);
CREATE INDEX events_authority_timestamp ON events
    USING brin (authority_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX events_local_timestamp ON events
    USING brin (local_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);

COMMENT ON TABLE events IS 'Append-only, hash-chained, signed and witnessed events (FR6, FR7, CT-12)';
COMMENT ON COLUMN events.sequence IS 'AC3: the authoritative order, without a gap';
COMMENT ON COLUMN events.local_timestamp IS 'AC1: the writer''s own clock';
COMMENT ON COLUMN events.authority_timestamp IS 'AC1: the database''s clock, read under the append lock';

-- Append-only. The refusal consults no setting, holds for the owner too, and ENABLE ALWAYS keeps
-- it in force under session_replication_role = replica. Statement level: an UPDATE that matches
-- no row is refused as well, and so is TRUNCATE.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'FR7: % on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AP004';
END
$$;

CREATE TRIGGER refuse_change_of_events
    BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events;
